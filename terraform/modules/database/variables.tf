variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "Network of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without a way to the Internet, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "RDS wants subnets in at least two zones."
  }
}

variable "client_security_group_ids" {
  description = "Security groups whose members may connect, by any name."
  type        = map(string)
}

variable "engine_version" {
  description = "PostgreSQL's major version; AWS applies the minor ones."
  type        = string
  default     = "16"

  validation {
    condition     = can(regex("^(1[6-9]|2[0-9])$", var.engine_version))
    error_message = "The major version is 16 or later."
  }
}

variable "instance_class" {
  description = "Size of the instance, such as db.m7g.large."
  type        = string
}

variable "storage_gib" {
  description = "GiB at the beginning, and the most to which storage grows by itself."
  type        = object({ initial = number, most = number })
  default     = { initial = 50, most = 500 }

  validation {
    condition     = var.storage_gib.initial >= 20 && var.storage_gib.most > var.storage_gib.initial
    error_message = "Storage begins with at least 20 GiB and may grow."
  }
}

variable "multi_az" {
  description = "Keep a standby in another zone, which takes over within a minute or two."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days for which the database can be restored to any moment."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Backups are kept for 7 to 35 days."
  }
}

variable "performance_insights" {
  description = "Keep a week of Performance Insights."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuse to delete the database, and take a last snapshot where it is deleted all the same."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "Key that encrypts data, backups and the password of the superuser."
  type        = string
}

variable "log_kms_key_arn" {
  description = "Key that encrypts the logs in CloudWatch."
  type        = string
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 90
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
