"""The client of Global Heat's gRPC API: several endpoints, fail-over, safe retries, watches that go on."""

from global_heat.client.client import Client
from global_heat.client.connection import Connection, Endpoint, Tls, parse_endpoints
from global_heat.client.errors import ApiError, Violation
from global_heat.client.files import collect_spec
from global_heat.client.tokens import FixedToken, KeystoneTokens, TokenSource, token_source

__all__ = [
    "ApiError",
    "Client",
    "Connection",
    "Endpoint",
    "FixedToken",
    "KeystoneTokens",
    "Tls",
    "TokenSource",
    "Violation",
    "collect_spec",
    "parse_endpoints",
    "token_source",
]
