"""Rules on jobs, on Terraform and on IAM, and who tries them: Open Policy Agent, checkov, parliament and cloudsplaining."""
