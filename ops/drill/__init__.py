"""The restore drill: whether what the platform stores can be dumped, restored elsewhere, and is the same there."""
