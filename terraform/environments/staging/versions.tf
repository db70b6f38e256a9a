terraform {
  required_version = ">= 1.11"

  # Pinned to the release: a lock file made from a provider mirror names one platform's hashes and would refuse the others.
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Bucket and region are the account's own: `-backend-config=backend.hcl`. The lock is an object beside the state.
  backend "s3" {
    key          = "closecast/staging/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
