"""Batch scoring: the parts of a batch, and scoring a part of any size in chunks."""
