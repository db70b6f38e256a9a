# What the flows need of Nomad: dispatch the batch jobs and watch their instances, which end by themselves with their flow. Bound
# to the job prefect-worker, whose tasks prove who they are by their workload identity; nobody holds a token for it. No
# `submit-job`: a job of one's own begins as root, and reads the Variables of any job it names itself after.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "dispatch-job"]
}
