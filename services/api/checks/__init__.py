"""The check of an export: what would be made of a file, without keeping it."""
