"""The prediction service: answers from the registry's champion over REST."""
