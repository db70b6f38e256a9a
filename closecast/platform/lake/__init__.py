"""The lake on S3: exports as received, checked and typed, and the snapshots that models learn from."""
