"""The store on etcd: client, server processes, and where the server program comes from."""
