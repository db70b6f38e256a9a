variable "name" {
  description = "Prefix of every secret's name, before a slash."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "names" {
  description = "Names of the secrets."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[a-z0-9][a-z0-9-]*$", name))])
    error_message = "A secret's name is lower-case letters, digits and hyphens."
  }
}

variable "filled" {
  description = "Write `values`. Without it the secrets are made empty, for `just deploy` to fill."
  type        = bool
  default     = true
}

variable "values" {
  description = "Value of each secret, by name. Ephemeral: Terraform hands them on and writes them nowhere."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
}

variable "revision" {
  description = "Raise it to have changed values written: Terraform cannot compare what it does not keep."
  type        = number
  default     = 1
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes at once."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "Secrets Manager takes 0, or 7 to 30 days."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the secrets; the account's own key for Secrets Manager when null."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every secret."
  type        = map(string)
  default     = {}
}
