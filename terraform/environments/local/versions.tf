terraform {
  required_version = ">= 1.11"

  # Pinned to the release: a lock file made from a provider mirror names one platform's hashes and would refuse the others.
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Where the file lies is the installation's to say: `-backend-config=path=…`.
  backend "local" {}
}
