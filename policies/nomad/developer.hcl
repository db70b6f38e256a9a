# Who tries jobs of their own: anything in the namespace `development`, which has secrets of its own and forbids raw_exec, and a
# look at the platform's jobs.
namespace "development" {
  policy = "write"

  variables {
    path "*" {
      capabilities = ["list", "read", "write", "destroy"]
    }
  }
}

namespace "default" {
  capabilities = ["list-jobs", "read-job"]
}
