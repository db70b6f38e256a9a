"""Building blocks of each process: logs, background work, files, retries."""
