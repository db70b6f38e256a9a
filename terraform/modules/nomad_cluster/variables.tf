variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "Network of the cluster."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
}

variable "private_subnets" {
  description = "Private subnet by zone."
  type        = map(string)

  validation {
    condition     = length(var.private_subnets) >= 3
    error_message = "The servers need three zones: a majority stays when one is lost."
  }
}

variable "ami_id" {
  description = "Image of the machines: Amazon Linux 2023."
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "The image is named by its identifier, such as ami-0123456789abcdef0: a name could mean another one tomorrow."
  }
}

variable "nomad" {
  description = "Release of Nomad, and the SHA-256 of its archive for the machines' processor (amd64 or arm64)."
  type        = object({ version = string, sha256 = string, processor = optional(string, "amd64") })

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.nomad.version)) && can(regex("^[0-9a-f]{64}$", var.nomad.sha256)) && contains(["amd64", "arm64"], var.nomad.processor)
    error_message = "Name a release such as 1.11.3, its SHA-256 in 64 hexadecimal digits, and amd64 or arm64."
  }
}

variable "issuer" {
  description = "URL under which others read the keys of workload identities (`oidc_issuer`)."
  type        = string
}

variable "servers" {
  description = "Number of Nomad servers, three or five, and their size."
  type        = object({ number = optional(number, 3), instance_type = string })

  validation {
    condition     = contains([3, 5], var.servers.number)
    error_message = "There are three servers or five: an even number survives no more, and one none."
  }
}

variable "clients" {
  description = "Groups of Nomad clients by their node class: size, numbers, where they run unless in all zones, further security groups, and a volume that is mounted as the host volume of the class's name."
  type = map(object({
    instance_type      = string
    least              = number
    most               = number
    subnet_ids         = optional(list(string))
    security_group_ids = optional(list(string), [])
    volume             = optional(object({ id = string, arn = string }))
  }))

  validation {
    condition     = length(var.clients) > 0 && alltrue([for class in keys(var.clients) : can(regex("^[a-z][a-z0-9]{1,15}$", class))])
    error_message = "Name at least one group; a node class is lower-case letters and digits."
  }

  validation {
    condition     = alltrue([for group in var.clients : group.volume == null || group.most == 1])
    error_message = "A volume is attached to one instance, so its group has one at most."
  }

  validation {
    condition     = alltrue([for group in var.clients : group.least >= 1 && group.most >= group.least])
    error_message = "A group has at least one instance, and at most no fewer."
  }
}

variable "secret_arns" {
  description = "ARNs of the cluster's secrets: gossip-key, certificate-authority, server-certificate, client-certificate, bootstrap-token, client-introduction."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["gossip-key", "certificate-authority", "server-certificate", "client-certificate", "bootstrap-token", "client-introduction"], keys(var.secret_arns))) == 0
    error_message = "All six secrets are named."
  }
}

variable "keyring_key_arn" {
  description = "Key that encrypts Nomad's keyring."
  type        = string
}

variable "data_key_arn" {
  description = "Key that encrypts volumes and secrets."
  type        = string
}

variable "repository_arns" {
  description = "ARNs of the image repositories that clients pull from."
  type        = list(string)
}

variable "log_group" {
  description = "Log group of the jobs' output: a stream for each task of an allocation."
  type        = string
}

variable "log_group_arns" {
  description = "ARNs of the log groups that clients write to."
  type        = list(string)
}

variable "meta" {
  description = "What job files ask of a client, by name, beside the paths in the images."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, value in var.meta : can(regex("^[a-z_]+$", name)) && can(regex("^[A-Za-z0-9:/._-]+$", value))])
    error_message = "A name is lower-case letters and underscores; a value is what an address or a name consists of."
  }
}

variable "drain_minutes" {
  description = "Minutes in which a client's tasks move away before its instance ends."
  type        = number
  default     = 10

  validation {
    condition     = var.drain_minutes >= 2 && var.drain_minutes <= 60
    error_message = "Draining takes 2 to 60 minutes."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
