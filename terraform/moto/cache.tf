resource "aws_vpc_security_group_ingress_rule" "client" {
  lifecycle {
    ignore_changes = [description]
  }
}
