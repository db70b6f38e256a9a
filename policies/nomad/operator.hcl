# What a person who runs the platform needs day by day: submit, watch, restart and stop jobs, read their logs. Secrets
# (Variables), access control and the servers themselves stay with the management token.
namespace "default" {
  policy       = "read"
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "dispatch-job", "read-logs", "read-fs", "alloc-lifecycle"]
}

node {
  policy = "read"
}

agent {
  policy = "read"
}
