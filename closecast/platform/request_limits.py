"""Size limits of a request to the API, for the API and its clients."""

MOST_DEALS = 10_000
MOST_BYTES = 10_000_000  # of a body; 10,000 deals in JSON are about 2.5 MB
