"""The prediction journal: what was answered, on its way from the API through a stream into PostgreSQL and the lake."""
