# The servers: one group over all zones, so that a lost one is replaced where there is room.

resource "aws_launch_template" "server" {
  name_prefix            = "${var.name}-server-"
  image_id               = var.ami_id
  instance_type          = var.servers.instance_type
  update_default_version = true
  vpc_security_group_ids = [aws_security_group.server.id]
  tags                   = var.tags

  user_data = base64encode(templatefile("${path.module}/templates/server.sh.tftpl", {
    install       = local.install
    lifecycle     = local.lifecycle
    configuration = local.server_configuration
    region        = local.region
    secrets       = var.secret_arns
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.server.arn
  }

  # Credentials of the instance are for the instance: a session token is asked for, and no container gets one.
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
      volume_size           = 30
      encrypted             = true
      kms_key_id            = var.data_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = "${var.name}-server", closecast-nomad = var.name })
    }
  }
}

resource "aws_autoscaling_group" "server" {
  name                      = "${var.name}-servers"
  min_size                  = var.servers.number
  max_size                  = var.servers.number + 1 # one more while an instance is replaced
  desired_capacity          = var.servers.number
  vpc_zone_identifier       = values(var.private_subnets)
  health_check_type         = "EC2"
  health_check_grace_period = 300
  enabled_metrics           = ["GroupInServiceInstances"]

  launch_template {
    id      = aws_launch_template.server.id
    version = aws_launch_template.server.latest_version
  }

  # One after another, each after the one before it has joined: a majority stays.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 134
      instance_warmup        = 300
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = "${var.name}-server", closecast-nomad = var.name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}
