"""The prediction journal: takes predictions from the stream to PostgreSQL, and from there to the lake."""
