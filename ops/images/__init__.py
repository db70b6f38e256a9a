"""The container images of the services."""
