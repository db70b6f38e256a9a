# Anybody (or whom you name) to 443, and from there to the ports of what is behind it alone.

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-lb-"
  description = "TLS from outside, and to the gateway"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-lb" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each = var.allowed_cidrs

  security_group_id = aws_security_group.this.id
  description       = "TLS from outside"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}

locals {
  behind = { gateway = var.gateway, issuer = var.issuer }
}

resource "aws_vpc_security_group_egress_rule" "behind" {
  for_each = local.behind

  security_group_id            = aws_security_group.this.id
  description                  = "To the ${each.key}"
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  tags                         = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "behind" {
  for_each = local.behind

  security_group_id            = each.value.security_group_id
  description                  = "The ${each.key}, from the load balancer"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  tags                         = var.tags
}
