"""The local cache process: Valkey, the open Redis."""
