resource "aws_vpc_security_group_ingress_rule" "behind" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_egress_rule" "behind" {
  lifecycle {
    ignore_changes = [description]
  }
}
