"""Real servers for integration tests, one of each per session, on ephemeral loopback ports, ended by their own pid."""
