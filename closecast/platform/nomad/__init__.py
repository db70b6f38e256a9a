"""Nomad: where its services are, and the parameterized jobs that flows dispatch."""
