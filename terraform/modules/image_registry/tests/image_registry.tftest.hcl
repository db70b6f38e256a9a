mock_provider "aws" {}

variables {
  name   = "closecast-test"
  images = ["api", "ui"]
}

run "tags_never_move_and_each_push_is_scanned" {
  command = plan

  assert {
    condition     = alltrue([for one in aws_ecr_repository.this : one.image_tag_mutability == "IMMUTABLE" && one.image_scanning_configuration[0].scan_on_push])
    error_message = "Repositories are immutable and scan."
  }

  assert {
    condition     = aws_ecr_repository.this["api"].name == "closecast-test/api" && !aws_ecr_repository.this["api"].force_delete
    error_message = "A repository is named after prefix and image, and is not deleted with images in it."
  }

  assert {
    condition     = alltrue([for one in aws_ecr_repository.this : one.encryption_configuration[0].encryption_type == "AES256"])
    error_message = "Images are encrypted without a key of one's own too."
  }
}

run "images_are_encrypted_with_the_key_that_is_named" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = alltrue([for one in aws_ecr_repository.this : one.encryption_configuration[0].encryption_type == "KMS"])
    error_message = "The key encrypts."
  }
}

run "old_images_go_and_enough_stay_for_a_rollback" {
  command = plan

  assert {
    condition     = alltrue([for one in aws_ecr_lifecycle_policy.this : jsondecode(one.policy).rules[1].selection.countNumber == 50])
    error_message = "The fifty newest images stay."
  }
}

run "too_few_to_go_back_are_refused" {
  command = plan

  variables {
    kept = 2
  }

  expect_failures = [var.kept]
}
