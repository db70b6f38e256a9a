resource "aws_vpc_security_group_ingress_rule" "this" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_egress_rule" "outside" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_launch_template" "server" {
  lifecycle {
    ignore_changes = [tag_specifications]
  }
}

resource "aws_launch_template" "client" {
  lifecycle {
    ignore_changes = [tag_specifications]
  }
}

resource "aws_autoscaling_lifecycle_hook" "drain" {
  lifecycle {
    ignore_changes = [notification_target_arn, role_arn]
  }
}
