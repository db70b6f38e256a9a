variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "issuer" {
  description = "URL under which AWS reads the keys of Nomad's workload identities; it is `oidc_issuer` of the Nomad servers."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+(/[a-z0-9/-]*[a-z0-9])?$", var.issuer))
    error_message = "The issuer is an https URL without a slash at its end: AWS reads it over TLS."
  }
}

variable "audience" {
  description = "Audience of the identities that jobs show to AWS."
  type        = string
  default     = "aws"
}

variable "nomad" {
  description = "Region and namespace of the jobs, as their identities name them."
  type        = object({ region = string, namespace = string })
  default     = { region = "global", namespace = "default" }
}

variable "jobs" {
  description = "What each job may do: prefixes `<role of the bucket>/<prefix of keys>` that it may read and write, and topics that it may publish to, both by their roles."
  type = map(object({
    read    = optional(list(string), [])
    write   = optional(list(string), [])
    publish = optional(list(string), [])
  }))

  validation {
    condition     = alltrue(flatten([for may in var.jobs : [for place in concat(may.read, may.write) : can(regex("^[a-z0-9-]+/[^*?]*$", place))]]))
    error_message = "A place is the role of a bucket, a slash, and a prefix without * or ?."
  }

  validation {
    condition     = alltrue([for may in var.jobs : length(concat(may.read, may.write, may.publish)) > 0])
    error_message = "A job that may do nothing needs no role."
  }
}

variable "buckets" {
  description = "ARN of each bucket, by its role."
  type        = map(string)
}

variable "topics" {
  description = "ARN of each topic, by its role."
  type        = map(string)
}

variable "data_key_arn" {
  description = "Key that encrypts the objects."
  type        = string
}

variable "alerts_key_arn" {
  description = "Key that encrypts messages of the topics."
  type        = string
}

variable "ci" {
  description = "The GitHub repository (owner/name) whose workflows may push images, and the environment of it that they must run in; nobody when null. An account has one provider for GitHub: name its ARN where there is one, as from another environment."
  type        = object({ repository = string, environment = string, provider_arn = optional(string) })
  default     = null

  validation {
    condition     = var.ci == null ? true : can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.ci.repository))
    error_message = "The repository is owner/name."
  }
}

variable "repository_arns" {
  description = "ARNs of the image repositories that CI may push to."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
