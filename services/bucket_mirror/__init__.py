"""The companion of LocalStack: builds it up with Terraform, fills it from a mirror on disk, and keeps that mirror up to date."""
