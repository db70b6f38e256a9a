"""The prediction journal: it moves predictions from the stream to PostgreSQL, and from there to the lake."""
