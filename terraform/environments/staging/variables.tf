variable "account" {
  description = "Number of the AWS account: no other is ever changed."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An AWS account's number has twelve digits."
  }
}

variable "region" {
  description = "Region of AWS."
  type        = string
}

variable "zones" {
  description = "Three availability zones of the region."
  type        = list(string)
}

variable "name" {
  description = "Prefix of every resource's name; S3 wants names that are unique in the world."
  type        = string
}

variable "domain" {
  description = "Name under which people and programs reach Closecast."
  type        = string
}

variable "issuer_domain" {
  description = "Name under which AWS reads the keys of Nomad's workload identities."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone of Route 53 that holds both names."
  type        = string
}

variable "allowed_cidrs" {
  description = "Who may connect; everybody unless named."
  type        = set(string)
  default     = ["0.0.0.0/0"]
}

variable "ami_id" {
  description = "Image of the machines: Amazon Linux 2023 of the region."
  type        = string
}

variable "nomad" {
  description = "Release of Nomad and the SHA-256 of its archive."
  type        = object({ version = string, sha256 = string, processor = optional(string, "amd64") })
  default = {
    version = "1.11.3"
    sha256  = "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12"
  }
}

variable "servers" {
  description = "Number of Nomad servers, three or five."
  type        = number
  default     = 3
}

variable "subscriptions" {
  description = "Who gets messages about alerts, by any name: protocol and endpoint."
  type        = map(object({ protocol = string, endpoint = string }))
  default     = {}
}

variable "ci" {
  description = "The GitHub repository (owner/name) whose workflows may push images, and their environment; nobody when null. Where the account has a provider for GitHub already, its ARN."
  type        = object({ repository = string, environment = string, provider_arn = optional(string) })
  default     = null
}

variable "images" {
  description = "Images of the services."
  type        = set(string)
  default     = ["alerts", "flows", "gateway", "mlflow", "serving", "stores", "ui"]
}

variable "secret_names" {
  description = "Names of the secrets that services read from Secrets Manager."
  type        = set(string)
  default = [
    "alerts-database", "api-key", "cache", "closecast-database", "mlflow-database", "monitor-database", "optuna-database",
    "prefect-database", "promoter-database", "shadow-database",
  ]
}
