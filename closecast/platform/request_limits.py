"""What one request to the API may hold; who asks it keeps to the same."""

MOST_DEALS = 10_000
MOST_BYTES = 10_000_000  # of a body; 10,000 deals in JSON are about 2.5 MB
