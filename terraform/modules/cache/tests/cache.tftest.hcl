mock_provider "aws" {}

variables {
  name                      = "closecast-test"
  vpc_id                    = "vpc-1"
  zone                      = "eu-central-1a"
  client_security_group_ids = { clients = "sg-1" }
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "the_volume_is_encrypted_and_copied_each_hour" {
  command = plan

  assert {
    condition     = aws_ebs_volume.this.encrypted && aws_ebs_volume.this.kms_key_id == var.kms_key_arn
    error_message = "The volume is encrypted with the key that is named."
  }

  assert {
    condition     = aws_ebs_volume.this.tags.backup == "hourly" && aws_ebs_volume.this.availability_zone == "eu-central-1a"
    error_message = "The backup plan finds the volume by its tag."
  }
}

run "only_the_named_groups_connect" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.client) == 1 && alltrue([for rule in aws_vpc_security_group_ingress_rule.client : rule.cidr_ipv4 == null && rule.to_port == 6379])
    error_message = "Rules name security groups, not addresses."
  }
}

run "a_volume_without_room_is_refused" {
  command = plan

  variables {
    size_gib = 1
  }

  expect_failures = [var.size_gib]
}
