mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:flow" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/flow" }
  }
}

variables {
  name  = "closecast-test"
  zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

run "each_zone_has_three_subnets_that_do_not_overlap" {
  assert {
    condition     = [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.40.0.0/22", "10.40.4.0/22", "10.40.8.0/22"]
    error_message = "Public subnets are the first sixteenth."
  }

  assert {
    condition     = [for subnet in aws_subnet.database : subnet.cidr_block] == ["10.40.16.0/24", "10.40.17.0/24", "10.40.18.0/24"]
    error_message = "Databases have the second sixteenth."
  }

  assert {
    condition     = [for subnet in aws_subnet.private : subnet.cidr_block] == ["10.40.64.0/20", "10.40.80.0/20", "10.40.96.0/20"]
    error_message = "Private subnets have a sixteenth each."
  }
}

run "only_public_subnets_route_to_the_internet_and_databases_nowhere" {
  assert {
    condition     = aws_route.internet.gateway_id == aws_internet_gateway.this.id && aws_route.internet.route_table_id == aws_route_table.public.id
    error_message = "The way to the Internet is in the public table."
  }

  assert {
    condition     = alltrue([for one in aws_route_table_association.database : one.route_table_id == aws_route_table.database.id])
    error_message = "Subnets of databases share a table without routes."
  }

  assert {
    condition     = alltrue([for one in aws_subnet.public : one.map_public_ip_on_launch != true])
    error_message = "No instance gets a public address by itself."
  }
}

run "a_lost_zone_takes_no_other_with_it" {
  assert {
    condition     = alltrue([for zone, one in aws_route.nat : one.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone has a NAT gateway of its own."
  }
}

run "one_nat_gateway_where_that_is_enough" {
  variables {
    nat = "one"
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"]
    error_message = "There is one NAT gateway, in the first zone."
  }
}

run "the_default_group_opens_nothing_and_endpoints_only_tls_from_within" {
  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The default security group has no rules."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints.cidr_ipv4 == var.cidr && aws_vpc_security_group_ingress_rule.endpoints.to_port == 443
    error_message = "Endpoints are reached over TLS from within."
  }
}

run "all_traffic_is_logged" {
  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.retention_in_days == 365
    error_message = "Flow logs hold all traffic, for a year."
  }
}

run "two_zones_are_refused" {
  command = plan

  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }

  expect_failures = [var.zones]
}

run "another_size_of_network_is_refused" {
  command = plan

  variables {
    cidr = "10.40.0.0/24"
  }

  expect_failures = [var.cidr]
}
