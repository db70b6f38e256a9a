# The clients: a group for each node class. An instance that is to end drains first.

resource "aws_launch_template" "client" {
  for_each = var.clients

  name_prefix            = "${var.name}-${each.key}-"
  image_id               = var.ami_id
  instance_type          = each.value.instance_type
  update_default_version = true
  vpc_security_group_ids = concat([aws_security_group.client.id], each.value.security_group_ids)
  tags                   = var.tags

  user_data = base64encode(templatefile("${path.module}/templates/client.sh.tftpl", {
    install       = local.install
    lifecycle     = local.lifecycle
    configuration = local.client_configuration[each.key]
    region        = local.region
    class         = each.key
    group         = "${var.name}-${each.key}"
    volume        = each.value.volume
    secrets       = var.secret_arns
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.client[each.key].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 60
      encrypted             = true
      kms_key_id            = var.data_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })
    }
  }
}

resource "aws_autoscaling_group" "client" {
  for_each = var.clients

  name                      = "${var.name}-${each.key}"
  min_size                  = each.value.least
  max_size                  = each.value.most
  vpc_zone_identifier       = coalesce(each.value.subnet_ids, values(var.private_subnets))
  health_check_type         = "EC2"
  health_check_grace_period = 300
  enabled_metrics           = ["GroupInServiceInstances"]

  launch_template {
    id      = aws_launch_template.client[each.key].id
    version = aws_launch_template.client[each.key].latest_version
  }

  # Where a volume goes from one instance to the next, the old one must have gone.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = each.value.volume == null ? 100 : 0
      max_healthy_percentage = each.value.volume == null ? 150 : 100
      instance_warmup        = 120
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = "${var.name}-${each.key}" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # The number between least and most is the operator's, or a scaling policy's.
  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

# The instance says itself when it has drained (templates/lifecycle.sh.tftpl); if it never does, it ends all the same.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  for_each = aws_autoscaling_group.client

  name                   = local.hook
  autoscaling_group_name = each.value.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = (var.drain_minutes + 5) * 60
  default_result         = "CONTINUE"
}
