"""The local Nomad agent: configuration, start and stop, and its jobs."""
