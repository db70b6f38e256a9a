variable "name" {
  description = "Prefix of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "images" {
  description = "Images by name, one repository each."
  type        = set(string)

  validation {
    condition     = length(var.images) > 0 && alltrue([for image in var.images : can(regex("^[a-z0-9][a-z0-9-]{1,40}$", image))])
    error_message = "Name at least one image; a name is lower-case letters, digits and hyphens."
  }
}

variable "kept" {
  description = "Number of images that each repository keeps, the newest."
  type        = number
  default     = 50

  validation {
    condition     = var.kept >= 10
    error_message = "Keep at least ten: a rollback needs the images before."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the images; ECR's own (AES256) when null."
  type        = string
  default     = null
}

variable "force_delete" {
  description = "Let destroy delete a repository that still holds images."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
