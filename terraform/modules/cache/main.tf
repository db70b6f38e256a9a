# What Valkey keeps outlives the instance that runs it: a volume of its own in one zone, and who may connect.

resource "aws_ebs_volume" "this" {
  # checkov:skip=CKV2_AWS_9: the plan of the module backup takes it by its tag
  availability_zone = var.zone
  size              = var.size_gib
  type              = "gp3"
  encrypted         = true
  kms_key_id        = var.kms_key_arn
  tags              = merge(var.tags, { Name = "${var.name}-cache", backup = "hourly" })
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5: it is attached by the launch template of the module nomad_cluster
  name_prefix = "${var.name}-cache-"
  description = "Valkey over TLS, from the services that need it"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-cache" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Valkey from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
  tags                         = var.tags
}
