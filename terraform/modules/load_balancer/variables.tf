variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "Network of the load balancer."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A load balancer wants subnets in at least two zones."
  }
}

variable "domain" {
  description = "Name under which people and programs reach Closecast, such as closecast.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "The domain is a full name such as closecast.example.com."
  }
}

variable "zone_id" {
  description = "Hosted zone of Route 53 that holds the domain."
  type        = string
}

variable "gateway" {
  description = "The gateway behind it: its port, the security group of the machines it runs on, and the Auto Scaling group that registers them."
  type        = object({ port = number, security_group_id = string, scaling_group = string })
}

variable "issuer" {
  description = "The Nomad servers as issuer of workload identities, of which others may read the public keys and nothing else: name, port, the servers' security group and Auto Scaling group."
  type        = object({ domain = string, port = number, security_group_id = string, scaling_group = string })
}

variable "log_bucket" {
  description = "Bucket for access logs."
  type        = string
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer."
  type        = bool
  default     = true
}

variable "allowed_cidrs" {
  description = "Who may connect; everybody unless named."
  type        = set(string)
  default     = ["0.0.0.0/0"]
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
