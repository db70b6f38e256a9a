variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "log_groups" {
  description = "Names of the jobs and machines that write logs, one group each."
  type        = set(string)

  validation {
    condition     = length(var.log_groups) > 0
    error_message = "Name at least one log group."
  }
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 90
}

variable "log_kms_key_arn" {
  description = "Key that encrypts the logs."
  type        = string
}

variable "topic_arn" {
  description = "Topic that is told of alarms, and of their end."
  type        = string
}

variable "load_balancer" {
  description = "The load balancer and its target group, by the suffixes of their ARNs."
  type        = object({ arn_suffix = string, target_group_arn_suffix = string })
}

variable "database_identifier" {
  description = "Identifier of the database's instance."
  type        = string
}

variable "database_storage_gib" {
  description = "GiB of storage that the database began with: a tenth of it left is an alarm."
  type        = number
}

variable "scaling_groups" {
  description = "Auto Scaling groups by name, each with the number of instances below which there is an alarm."
  type        = map(object({ group = string, least = number }))
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
