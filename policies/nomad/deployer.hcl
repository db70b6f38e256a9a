# What a pipeline may do by itself: say what a change of a job would do, take a canary that has proved itself, and give up one
# that has not. New specifications stay with the management token, which a person lends it (docs/security.md): whoever may
# register a job runs what they like, and reads the secrets of any job they name it after. A plan needs the certificates of who
# signs for cache and database, which are no secrets.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "plan-job", "promote-deployment", "fail-deployment"]

  variables {
    path "closecast/cache-authority" {
      capabilities = ["read"]
    }

    path "closecast/database-authority" {
      capabilities = ["read"]
    }
  }
}
