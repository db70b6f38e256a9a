variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the recovery points."
  type        = string
}

variable "plans" {
  description = "By the value of the tag `backup`: when its resources are copied (cron in UTC), for how many days a copy is kept, and how long copying may take."
  type = map(object({
    schedule = string
    days     = number
    hours    = optional(number, 8)
  }))
  default = {
    hourly = { schedule = "cron(5 * * * ? *)", days = 3, hours = 2 }
    daily  = { schedule = "cron(0 2 * * ? *)", days = 35 }
  }

  validation {
    condition     = alltrue([for plan in var.plans : plan.days >= 1 && plan.hours >= 2])
    error_message = "A copy is kept for at least a day, and AWS wants at least two hours to make it."
  }
}

variable "lock" {
  description = "Days for which nobody can delete a copy (at least, at most), and days until the lock cannot be lifted any more; no lock when null."
  type        = object({ least = number, most = number, changeable_days = number })
  default     = null

  validation {
    condition     = var.lock == null ? true : var.lock.changeable_days >= 3 && var.lock.least <= var.lock.most
    error_message = "AWS lets a lock be lifted for at least three days, and the least is not above the most."
  }

  validation {
    condition     = var.lock == null ? true : alltrue([for plan in var.plans : plan.days >= var.lock.least && plan.days <= var.lock.most])
    error_message = "Each plan keeps its copies for as many days as the lock allows."
  }
}

variable "force_destroy" {
  description = "Let destroy delete a vault that still holds copies."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
