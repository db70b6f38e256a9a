# Who speaks with whom: servers among themselves, clients with servers and among themselves, all with AWS over TLS.

resource "aws_security_group" "server" {
  name_prefix = "${var.name}-server-"
  description = "Nomad servers"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-server" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "client" {
  name_prefix = "${var.name}-client-"
  description = "Nomad clients and their tasks"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-client" })

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  groups = { server = aws_security_group.server.id, client = aws_security_group.client.id }
  ingress = {
    server-from-server-tcp = { into = "server", from = "server", protocol = "tcp", ports = [4646, 4648], why = "API, RPC and gossip of servers" }
    server-from-server-udp = { into = "server", from = "server", protocol = "udp", ports = [4648, 4648], why = "Gossip of servers" }
    server-from-client     = { into = "server", from = "client", protocol = "tcp", ports = [4646, 4647], why = "API and RPC of servers, from clients" }
    client-from-server     = { into = "client", from = "server", protocol = "tcp", ports = [4646, 4646], why = "Logs and files of tasks, for the servers' API" }
    client-from-client     = { into = "client", from = "client", protocol = "tcp", ports = [20000, 32000], why = "Ports that Nomad gives to tasks" }
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.ingress

  security_group_id            = local.groups[each.value.into]
  referenced_security_group_id = local.groups[each.value.from]
  description                  = each.value.why
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.ports[0]
  to_port                      = each.value.ports[1]
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each = local.groups

  security_group_id = each.value
  description       = "Anything within the network"
  cidr_ipv4         = var.cidr
  ip_protocol       = "-1"
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "outside" {
  for_each = local.groups

  security_group_id = each.value
  description       = "TLS to anybody: Nomad's release, S3, exports of others"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}
