"""The messages of etcd's API, generated from `protos/etcd`."""
