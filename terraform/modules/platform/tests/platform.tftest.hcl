mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name         = "closecast-test"
  secret_names = ["api-key"]
}

run "without_a_cloud_there_are_buckets_secrets_and_a_topic" {
  command = plan

  variables {
    disposable = true
  }

  assert {
    condition     = keys(module.object_store.names) == ["artifacts", "lake"]
    error_message = "There is a bucket for the lake and one for artifacts."
  }

  assert {
    condition     = output.cloud == null && length(module.network) == 0 && length(module.nomad_cluster) == 0 && length(module.keys) == 0
    error_message = "Nothing else is made."
  }
}

run "in_the_cloud_everything_is_made" {
  command = plan

  variables {
    cloud = {
      zones         = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
      domain        = "closecast.example.com"
      issuer_domain = "nomad.example.com"
      zone_id       = "Z1"
      ami_id        = "ami-0123456789abcdef0"
      nomad         = { version = "1.11.3", sha256 = "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12" }
      servers       = { instance_type = "t3.small" }
      clients       = { general = { instance_type = "m7i.large", least = 3, most = 6 } }
      cache         = { instance_type = "t3.small", size_gib = 20 }
      database      = { instance_class = "db.m7g.large", storage_gib = { initial = 100, most = 1000 } }
      images        = ["api", "ui"]
    }
  }

  assert {
    condition = alltrue([for one in [
      module.keys, module.network, module.image_registry, module.identity, module.nomad_cluster, module.cache, module.database,
      module.load_balancer, module.observability, module.backup,
    ] : length(one) == 1])
    error_message = "Every module is there."
  }

  assert {
    condition     = toset(keys(module.secrets.arns)) == toset(["api-key", "nomad-authority", "nomad-bootstrap-token", "nomad-certificate-authority", "nomad-client-certificate", "nomad-client-introduction", "nomad-gossip-key", "nomad-server-certificate"])
    error_message = "The cluster's secrets are made beside those of the services."
  }

  assert {
    condition     = toset(keys(module.identity[0].role_arns)) == toset(keys(jsondecode(file("../../../policies/iam/jobs.json"))))
    error_message = "Each job that needs AWS has a role."
  }
}

run "a_name_too_long_for_a_load_balancer_is_refused" {
  command = plan

  variables {
    name = "closecast-with-a-very-long-name"
  }

  expect_failures = [var.name]
}
