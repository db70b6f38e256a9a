# What a person who runs the platform needs day by day: watch, restart and dispatch jobs, read their logs. Secrets (Variables),
# access control, the servers and new specifications stay with the management token: whoever may submit a job runs what they like
# as root on each node, and reads every job's secrets (docs/security.md).
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "dispatch-job", "read-logs", "alloc-lifecycle"]
}

node {
  policy = "read"
}

agent {
  policy = "read"
}
