"""The score job's work: the parts of a batch, and a part of any size scored chunk by chunk."""
