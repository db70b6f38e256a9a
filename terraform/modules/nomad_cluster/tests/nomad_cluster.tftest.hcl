mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/machine" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

variables {
  name            = "closecast-test"
  vpc_id          = "vpc-1"
  cidr            = "10.40.0.0/16"
  private_subnets = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  ami_id          = "ami-0123456789abcdef0"
  nomad           = { version = "1.11.3", sha256 = "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12" }
  issuer          = "https://nomad.example.com"
  servers         = { instance_type = "t3.small" }
  clients = {
    general = { instance_type = "m7i.large", least = 3, most = 6 }
    cache = {
      instance_type      = "t3.small"
      least              = 1
      most               = 1
      subnet_ids         = ["subnet-a"]
      security_group_ids = ["sg-cache"]
      volume             = { id = "vol-1", arn = "arn:aws:ec2:eu-central-1:123456789012:volume/vol-1" }
    }
  }
  secret_arns = {
    gossip-key            = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gossip-key"
    certificate-authority = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:certificate-authority"
    server-certificate    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:server-certificate"
    client-certificate    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:client-certificate"
    bootstrap-token       = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:bootstrap-token"
    client-introduction   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:client-introduction"
  }
  keyring_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/nomad"
  data_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/data"
  repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/closecast-test/api"]
  log_group       = "/closecast-test/jobs"
  log_group_arns  = ["arn:aws:logs:eu-central-1:123456789012:log-group:/closecast-test/api"]
}

run "a_majority_of_servers_stays_when_a_zone_or_an_instance_goes" {
  assert {
    condition     = aws_autoscaling_group.server.min_size == 3 && length(aws_autoscaling_group.server.vpc_zone_identifier) == 3
    error_message = "Three servers are spread over three zones."
  }

  assert {
    condition     = one(aws_autoscaling_group.server.instance_refresh).preferences[0].min_healthy_percentage == 100
    error_message = "A new server joins before an old one goes."
  }
}

run "no_container_gets_the_machines_credentials" {
  assert {
    condition = alltrue([
      for one in concat([aws_launch_template.server], values(aws_launch_template.client)) :
      one.metadata_options[0].http_tokens == "required" && one.metadata_options[0].http_put_response_hop_limit == 1
    ])
    error_message = "Metadata wants a session token, and answers the machine itself alone."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.client["general"].user_data), "! --uid-owner 0 --jump REJECT")
    error_message = "Tasks that run as nobody of root's are kept from it too."
  }
}

run "volumes_are_encrypted" {
  assert {
    condition = alltrue(flatten([
      for one in concat([aws_launch_template.server], values(aws_launch_template.client)) :
      [for device in one.block_device_mappings : device.ebs[0].encrypted == "true" && device.ebs[0].kms_key_id == var.data_key_arn]
    ]))
    error_message = "Every volume is encrypted with the key that is named."
  }
}

run "a_client_drains_before_it_ends" {
  assert {
    condition = alltrue([
      for hook in aws_autoscaling_lifecycle_hook.drain :
      hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING" && hook.heartbeat_timeout == 900
    ])
    error_message = "Each group waits for its instances to drain, and five minutes more."
  }

  assert {
    condition     = keys(aws_autoscaling_lifecycle_hook.drain) == ["cache", "general"]
    error_message = "Each group has the hook."
  }
}

run "no_secret_is_in_user_data" {
  assert {
    condition = alltrue([
      for one in concat([aws_launch_template.server], values(aws_launch_template.client)) :
      strcontains(base64decode(one.user_data), "get-secret-value") && !strcontains(base64decode(one.user_data), "BEGIN ")
    ])
    error_message = "The machine reads secrets when it boots."
  }
}

run "security_groups_open_nothing_to_the_world" {
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.this : rule.cidr_ipv4 == null])
    error_message = "What comes in, comes from a group."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.outside : rule.from_port == 443 && rule.to_port == 443])
    error_message = "What goes out of the network is TLS."
  }
}

run "a_machine_may_do_what_it_must" {
  assert {
    condition = toset([
      for statement in concat(data.aws_iam_policy_document.server.statement, flatten([for one in data.aws_iam_policy_document.client : one.statement])) :
      statement.sid if contains(statement.resources, "*")
    ]) == toset(["FindServers", "FindServersAndLogIn"])
    error_message = "Only what AWS knows no resources for is allowed on all."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.client["general"].statement : statement.sid == "AttachVolume"])
    error_message = "A group without a volume attaches none."
  }
}

run "five_servers_by_variable" {
  variables {
    servers = { number = 5, instance_type = "t3.small" }
  }

  assert {
    condition     = aws_autoscaling_group.server.desired_capacity == 5 && strcontains(base64decode(aws_launch_template.server.user_data), "bootstrap_expect = 5")
    error_message = "Five servers wait for each other."
  }
}

run "four_servers_are_refused" {
  command = plan

  variables {
    servers = { number = 4, instance_type = "t3.small" }
  }

  expect_failures = [var.servers]
}

run "two_instances_with_one_volume_are_refused" {
  command = plan

  variables {
    clients = { cache = { instance_type = "t3.small", least = 1, most = 2, volume = { id = "vol-1", arn = "arn" } } }
  }

  expect_failures = [var.clients]
}

run "a_missing_secret_is_refused" {
  command = plan

  variables {
    secret_arns = { gossip-key = "arn" }
  }

  expect_failures = [var.secret_arns]
}
