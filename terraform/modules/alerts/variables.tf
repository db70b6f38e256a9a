variable "name" {
  description = "Prefix of the topic's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}$", var.name))
    error_message = "The prefix is 3 to 41 lower-case letters, digits and hyphens."
  }
}

variable "subscriptions" {
  description = "Who gets the messages, by any name: protocol (email, sms, sqs, lambda, https) and endpoint."
  type        = map(object({ protocol = string, endpoint = string }))
  default     = {}

  validation {
    condition     = alltrue([for one in var.subscriptions : contains(["email", "sms", "sqs", "lambda", "https"], one.protocol)])
    error_message = "A protocol is email, sms, sqs, lambda or https: the others carry no key or no text."
  }
}

variable "kms_key_id" {
  description = "Key that encrypts messages at rest; SNS's own unless named."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
}
