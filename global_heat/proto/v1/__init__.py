"""Package `globalheat.v1`: the gRPC API."""
