"""LocalStack's companion: it applies Terraform, restores objects from a mirror on disk, and keeps the mirror current."""
