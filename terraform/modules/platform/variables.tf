variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,21}$", var.name))
    error_message = "The prefix is 3 to 22 lower-case letters, digits and hyphens: names of load balancers and target groups have 32 characters at most."
  }
}

variable "buckets" {
  description = "Buckets of the platform by their role, with their lifecycle rules (module object_store)."
  type = map(object({
    noncurrent_expiration_days = optional(number)
    abort_multipart_days       = optional(number)
  }))
  default = { lake = {}, artifacts = {} }

  validation {
    condition     = length(setsubtract(["lake", "artifacts"], keys(var.buckets))) == 0
    error_message = "There is a bucket for the lake and one for artifacts."
  }
}

variable "secret_names" {
  description = "Names of the secrets that services read."
  type        = set(string)
}

variable "subscriptions" {
  description = "Who gets messages about alerts, by any name: protocol and endpoint (module alerts)."
  type        = map(object({ protocol = string, endpoint = string }))
  default     = {}
}

variable "disposable" {
  description = "Whether what is stored may be deleted with everything in it: on LocalStack and in trials, never where people work."
  type        = bool
  default     = false
}

variable "cloud" {
  description = "What runs in AWS, and its sizes; null where the jobs run on a machine of one's own, as on a laptop with LocalStack."
  type = object({
    zones         = list(string)
    cidr          = optional(string, "10.40.0.0/16")
    nat           = optional(string, "each")
    endpoints     = optional(set(string))
    domain        = string
    issuer_domain = string
    zone_id       = string
    allowed_cidrs = optional(set(string), ["0.0.0.0/0"])
    ami_id        = string
    nomad         = object({ version = string, sha256 = string, processor = optional(string, "amd64") })
    servers       = object({ number = optional(number, 3), instance_type = string })
    clients       = map(object({ instance_type = string, least = number, most = number }))
    cache         = object({ instance_type = string, size_gib = number })
    database = object({
      instance_class       = string
      storage_gib          = object({ initial = number, most = number })
      multi_az             = optional(bool, true)
      backup_days          = optional(number, 14)
      performance_insights = optional(bool, true)
    })
    images      = set(string)
    ci          = optional(object({ repository = string, environment = string, provider_arn = optional(string) }))
    backup_lock = optional(object({ least = number, most = number, changeable_days = number }))
  })
  default = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
