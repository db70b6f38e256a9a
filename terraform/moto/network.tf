resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  lifecycle {
    ignore_changes = [description]
  }
}
