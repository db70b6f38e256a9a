"""Run the jobs of an environment in AWS."""
