# Who watches: which jobs and nodes there are and how they fare. No logs: they name people and deals.
namespace "default" {
  capabilities = ["list-jobs", "read-job"]
}

node {
  policy = "read"
}
