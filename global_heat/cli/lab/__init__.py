"""Several regions on this machine: etcd members, replicas, fake clouds, and a network that can be broken."""
