"""The gateway: TLS, limits and routes in front of the API and the user interface."""
