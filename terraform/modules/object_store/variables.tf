variable "buckets" {
  description = "Buckets by their role (such as lake or artifacts); each may ask for lifecycle rules, in days, and to take a load balancer's access logs, which AWS writes with S3's own key alone."
  type = map(object({
    noncurrent_expiration_days = optional(number)
    abort_multipart_days       = optional(number)
    expiration_days            = optional(number)
    access_logs                = optional(bool, false)
  }))

  validation {
    condition     = length(var.buckets) > 0
    error_message = "Name at least one bucket."
  }

  validation {
    condition     = alltrue([for role in keys(var.buckets) : can(regex("^[a-z0-9][a-z0-9-]{1,20}$", role))])
    error_message = "A bucket's role is 2 to 21 lower-case letters, digits and hyphens, for it becomes part of the name."
  }
}

variable "name" {
  description = "Prefix of every bucket's name; S3 wants names that are unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects; S3's own key (AES256) when null."
  type        = string
  default     = null
}

variable "require_tls" {
  description = "Refuse requests that do not come over TLS. Off only where the endpoint is plain HTTP, as LocalStack's is."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Let destroy delete a bucket that still holds objects."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
