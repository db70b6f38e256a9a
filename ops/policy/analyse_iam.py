"""Judge policies of IAM: JSON by name on standard input, findings as JSON on standard output.

It runs by itself in the environment of checks, whose packages do not go with those of the services.
"""

import json
import sys
from collections.abc import Iterator

import parliament
from cloudsplaining.scan.policy_document import PolicyDocument

# What AWS has no resource for: it cannot be granted otherwise.
_WITHOUT_RESOURCE = {"ec2:DescribeInstances", "ecr:GetAuthorizationToken", "autoscaling:DescribeAutoScalingInstances"}
# It needs a volume and an instance, which have a statement each: only the instance's has a condition.
_IN_TWO_STATEMENTS = {"ec2:AttachVolume"}
_RISKS = (
    "allows_privilege_escalation",
    "permissions_management_without_constraints",
    "credentials_exposure",
    "service_wildcard",
)


def judged(name: str, text: str) -> Iterator[dict[str, str]]:
    """The findings of both tools on one policy."""
    for one in parliament.analyze_policy_string(text).findings:
        if one.issue == "RESOURCE_MISMATCH" and all(part["action"] in _IN_TWO_STATEMENTS for part in one.detail):
            continue
        yield {"rule": f"parliament-{one.issue.lower()}", "text": f"{name}: {one.detail}"}
    document = PolicyDocument(json.loads(text))
    for risk in _RISKS:
        found = getattr(document, risk)
        # The token opens the registry for pulling; AWS counts it as a credential.
        left = [one for one in found if str(one) not in _WITHOUT_RESOURCE]
        if left:
            yield {"rule": f"cloudsplaining-{risk.replace('_', '-')}", "text": f"{name}: {left}"}
    for action in document.all_allowed_unrestricted_actions:
        if action not in _WITHOUT_RESOURCE:
            yield {"rule": "cloudsplaining-wildcard", "text": f"{name} allows {action} on every resource"}


if __name__ == "__main__":
    policies = json.load(sys.stdin)
    json.dump([one for name, text in policies.items() for one in judged(name, text)], sys.stdout)
