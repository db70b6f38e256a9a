# What a pipeline may do by itself: say what a change of a job would do, take a canary that has proved itself, and give up one
# that has not. New specifications stay with the management token, which a person lends it (docs/security.md): whoever may
# register a job runs what they like, and reads the secrets of any job they name it after.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "plan-job", "promote-deployment", "fail-deployment"]
}
