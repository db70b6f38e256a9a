"""Monitoring: the served model judged by how its deals ended."""
