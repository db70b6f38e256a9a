"""The prediction journal: predictions go from the API through a stream into PostgreSQL and the lake."""
