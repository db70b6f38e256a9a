variable "endpoint" {
  description = "URL of LocalStack."
  type        = string
}

variable "name" {
  description = "Prefix of every resource's name."
  type        = string
  default     = "closecast-local"
}

variable "region" {
  description = "Region that LocalStack pretends to be."
  type        = string
  default     = "us-east-1"
}

variable "secret_names" {
  description = "Names of the secrets that services of production read from Secrets Manager."
  type        = set(string)
  default     = ["mlflow-database", "prefect-database", "optuna-database", "closecast-database", "promoter-database", "monitor-database", "shadow-database", "alerts-database", "cache", "api-key"]
}
