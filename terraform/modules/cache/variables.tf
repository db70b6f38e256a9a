variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "Network of the cache."
  type        = string
}

variable "zone" {
  description = "Availability zone of the volume, and so of the instance that runs Valkey."
  type        = string
}

variable "size_gib" {
  description = "GiB of the volume with the append-only file."
  type        = number
  default     = 20

  validation {
    condition     = var.size_gib >= 10
    error_message = "The volume has at least 10 GiB: the append-only file is rewritten beside itself."
  }
}

variable "client_security_group_ids" {
  description = "Security groups whose members may connect, by any name."
  type        = map(string)
}

variable "port" {
  description = "Port of Valkey, which speaks TLS."
  type        = number
  default     = 6379
}

variable "kms_key_arn" {
  description = "Key that encrypts the volume."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
