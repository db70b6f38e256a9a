"""Who may do what in a Nomad: its policies and namespaces."""

from ops import paths
from ops.nomad.cluster import Cluster

WORKER = "prefect-worker"
# The purpose of each policy, and the job it applies to.
_POLICIES = {
    "operator": ("People who run the platform day by day", None),
    "dispatcher": ("Flows dispatch batch jobs", WORKER),
    "deployer": ("Pipelines plan, and promote or give up canaries", None),
    "developer": ("People who try jobs of their own in the namespace development", None),
    "reader": ("People and programs that watch", None),
}


def ensure(cluster: Cluster) -> None:
    """Write the policies of policies/nomad and the namespace for trying jobs, where they differ."""
    cluster.ensure_namespace("development", "Jobs that people try: secrets of its own, and no raw_exec", ["raw_exec"])
    for name, (whom, job) in _POLICIES.items():
        rules = (paths.PROJECT / "policies" / "nomad" / f"{name}.hcl").read_text()
        cluster.ensure_policy(name, whom, rules, job=job)
