"""The prediction service: a REST API for the registry's champion."""
