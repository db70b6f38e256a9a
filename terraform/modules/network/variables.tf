variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "cidr" {
  description = "Addresses of the network, a /16."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "The network is an IPv4 block of size /16, such as 10.40.0.0/16: the subnets are cut from it."
  }
}

variable "zones" {
  description = "Three availability zones, each with a public, a private and a database subnet."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 3 && length(var.zones) == 3
    error_message = "Name three different availability zones: the Nomad servers need a majority when one is lost."
  }
}

variable "nat" {
  description = "NAT gateways: one for all zones (cheaper; its zone's loss cuts all off from the Internet), or one for each."
  type        = string
  default     = "each"

  validation {
    condition     = contains(["one", "each"], var.nat)
    error_message = "NAT gateways are one or each."
  }
}

variable "interface_endpoints" {
  description = "AWS services that are reached without leaving the network, by their short names; without one, its traffic goes through NAT."
  type        = set(string)
  nullable    = false
  default     = ["ecr.api", "ecr.dkr", "kms", "logs", "monitoring", "secretsmanager", "sns", "sts"]
}

variable "flow_log_days" {
  description = "Days for which flow logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 180, 365, 400, 731], var.flow_log_days)
    error_message = "CloudWatch keeps logs for 30, 60, 90, 180, 365, 400 or 731 days."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the flow logs; CloudWatch's own when null."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
