"""The local Nomad agent: its configuration, its life, and the jobs on it."""
