"""The command `tf`: Terraform's environments and modules."""
