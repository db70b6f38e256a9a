# Logs of jobs and machines, and alarms on what AWS itself measures. What the platform measures of itself, Prometheus watches.

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: logs may name people: they are kept for as long as a fault is looked for, by variable
  for_each = var.log_groups

  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

locals {
  balancer = { LoadBalancer = var.load_balancer.arn_suffix }
  targets  = { LoadBalancer = var.load_balancer.arn_suffix, TargetGroup = var.load_balancer.target_group_arn_suffix }
  database = { DBInstanceIdentifier = var.database_identifier }

  fixed = {
    no-gateway = {
      what      = "The load balancer finds no healthy gateway: nobody reaches Closecast from outside."
      namespace = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.targets
      statistic = "Minimum", comparison = "LessThanThreshold", threshold = 1, minutes = 2, missing = "breaching"
    }
    gateway-errors = {
      what      = "More than 20 answers a minute are errors of the gateway or behind it."
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.balancer
      statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 20, minutes = 5, missing = "notBreaching"
    }
    database-busy = {
      what      = "The database has used more than 90 % of its processors for a quarter of an hour."
      namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = local.database
      statistic = "Average", comparison = "GreaterThanThreshold", threshold = 90, minutes = 15, missing = "missing"
    }
    database-full = {
      what      = "The database has less than a tenth of its storage left."
      namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = local.database
      statistic = "Minimum", comparison = "LessThanThreshold", threshold = var.database_storage_gib * pow(2, 30) / 10
      minutes   = 5, missing = "missing"
    }
  }

  groups = {
    for name, one in var.scaling_groups : "too-few-${name}" => {
      what      = "Fewer ${name} are in service than are needed."
      namespace = "AWS/AutoScaling", metric = "GroupInServiceInstances", dimensions = { AutoScalingGroupName = one.group }
      statistic = "Minimum", comparison = "LessThanThreshold", threshold = one.least, minutes = 10, missing = "breaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.fixed, local.groups)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
  tags                = var.tags
}
