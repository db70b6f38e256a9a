# What the flows need of Nomad: dispatch the batch jobs, watch and stop their instances. Bound to the job prefect-worker,
# whose tasks prove who they are by their workload identity; nobody holds a token for it.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "dispatch-job", "submit-job"]
}
