mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/rds" }
  }
}

variables {
  name                      = "closecast-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
  client_security_group_ids = { clients = "sg-1" }
  instance_class            = "db.m7g.large"
  kms_key_arn               = "arn:aws:kms:eu-central-1:123456789012:key/1"
  log_kms_key_arn           = "arn:aws:kms:eu-central-1:123456789012:key/2"
}

run "it_is_encrypted_has_a_standby_and_is_out_of_reach" {
  command = plan

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn
    error_message = "Storage is encrypted with the key that is named."
  }

  assert {
    condition     = aws_db_instance.this.multi_az && !aws_db_instance.this.publicly_accessible
    error_message = "There is a standby, and no public address."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "No password is in Terraform's state."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && aws_db_instance.this.backup_retention_period == 14 && !aws_db_instance.this.skip_final_snapshot
    error_message = "It is not deleted by accident, and can be restored."
  }
}

run "nobody_connects_without_tls" {
  command = plan

  assert {
    condition     = one([for one in aws_db_parameter_group.this.parameter : one.value if one.name == "rds.force_ssl"]) == "1"
    error_message = "The parameter group forces TLS."
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres16"
    error_message = "The parameters are those of the version."
  }
}

run "only_the_named_groups_connect" {
  command = plan

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.client) == 1 && alltrue([for rule in aws_vpc_security_group_ingress_rule.client : rule.cidr_ipv4 == null && rule.referenced_security_group_id == "sg-1" && rule.to_port == 5432])
    error_message = "Rules name security groups, not addresses."
  }
}

run "an_old_version_is_refused" {
  command = plan

  variables {
    engine_version = "15"
  }

  expect_failures = [var.engine_version]
}

run "too_short_backups_are_refused" {
  command = plan

  variables {
    backup_days = 1
  }

  expect_failures = [var.backup_days]
}
