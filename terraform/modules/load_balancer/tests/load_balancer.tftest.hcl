mock_provider "aws" {
  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
      domain_validation_options = [
        for name in ["closecast.example.com", "nomad.example.com"] : {
          domain_name           = name
          resource_record_name  = "_proof.${name}"
          resource_record_type  = "CNAME"
          resource_record_value = "_value.acm.example.com"
        }
      ]
    }
  }
  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/closecast/1/1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/closecast/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/closecast/1" }
  }
}

variables {
  name       = "closecast-test"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
  domain     = "closecast.example.com"
  zone_id    = "Z1"
  gateway    = { port = 8443, security_group_id = "sg-gateway", scaling_group = "closecast-test-clients" }
  issuer     = { domain = "nomad.example.com", port = 4646, security_group_id = "sg-server", scaling_group = "closecast-test-servers" }
  log_bucket = "closecast-test-access-logs"
}

run "there_is_tls_alone" {
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && aws_lb_listener.https.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    error_message = "The only listener speaks TLS 1.2 or later."
  }

  assert {
    condition     = aws_lb_target_group.gateway.protocol == "HTTPS"
    error_message = "It is TLS to the gateway too."
  }

  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest" && aws_lb.this.enable_deletion_protection
    error_message = "What could smuggle a request is dropped, and the load balancer is not deleted by accident."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.https : rule.from_port == 443 && rule.to_port == 443])
    error_message = "Nothing but 443 is open to the world."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.behind : rule.referenced_security_group_id == aws_security_group.this.id])
    error_message = "What is behind it is reached from the load balancer alone."
  }
}

run "of_nomad_the_keys_of_identities_are_public_and_nothing_else" {
  assert {
    condition     = flatten([for one in aws_lb_listener_rule.issuer.condition : [for pattern in one.path_pattern : pattern.values]]) == ["/.well-known/jwks.json", "/.well-known/openid-configuration"]
    error_message = "Two paths are forwarded."
  }

  assert {
    condition     = aws_lb_listener_rule.nothing_else_of_the_issuer.action[0].fixed_response[0].status_code == "404" && aws_lb_listener_rule.nothing_else_of_the_issuer.priority > aws_lb_listener_rule.issuer.priority
    error_message = "Everything else of that name is refused."
  }
}

run "a_domain_that_is_none_is_refused" {
  command = plan

  variables {
    domain = "localhost"
  }

  expect_failures = [var.domain]
}
