# The way in from outside: TLS 1.2 or later on port 443, to the gateway, over TLS again.

resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_28: the gateway limits sizes, times and rates; a firewall costs more than the load balancer, and may be added by ARN
  name               = var.name
  load_balancer_type = "application"
  subnets            = var.subnet_ids
  security_groups    = [aws_security_group.this.id]

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection
  # A prediction takes milliseconds; the user interface's WebSocket sends something more often than this.
  idle_timeout = 120

  access_logs {
    bucket  = var.log_bucket
    enabled = true
  }

  tags = var.tags
}

resource "aws_lb_target_group" "gateway" {
  name                 = var.name
  vpc_id               = var.vpc_id
  port                 = var.gateway.port
  protocol             = "HTTPS"
  deregistration_delay = 30
  tags                 = var.tags

  health_check {
    protocol            = "HTTPS"
    path                = "/health/gateway"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  # Sessions of the user interface end with the gateway that they go through.
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 86400
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway.arn
  }
}

# AWS reads here which keys sign workload identities. Nothing else of Nomad is reached from outside.
resource "aws_lb_target_group" "issuer" {
  name                 = "${var.name}-issuer"
  vpc_id               = var.vpc_id
  port                 = var.issuer.port
  protocol             = "HTTPS"
  deregistration_delay = 10
  tags                 = var.tags

  health_check {
    protocol            = "HTTPS"
    path                = "/v1/agent/health?type=server"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener_rule" "issuer" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10
  tags         = var.tags

  condition {
    host_header {
      values = [var.issuer.domain]
    }
  }

  condition {
    path_pattern {
      values = ["/.well-known/jwks.json", "/.well-known/openid-configuration"]
    }
  }

  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.issuer.arn
  }
}

resource "aws_lb_listener_rule" "nothing_else_of_the_issuer" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 20
  tags         = var.tags

  condition {
    host_header {
      values = [var.issuer.domain]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "There is nothing here."
      status_code  = "404"
    }
  }
}

resource "aws_autoscaling_attachment" "issuer" {
  # checkov:skip=CKV2_AWS_15: a client without a gateway is healthy; the load balancer would replace it
  autoscaling_group_name = var.issuer.scaling_group
  lb_target_group_arn    = aws_lb_target_group.issuer.arn
}

resource "aws_autoscaling_attachment" "gateway" {
  # checkov:skip=CKV2_AWS_15: a client without a gateway is healthy; the load balancer would replace it
  autoscaling_group_name = var.gateway.scaling_group
  lb_target_group_arn    = aws_lb_target_group.gateway.arn
}
