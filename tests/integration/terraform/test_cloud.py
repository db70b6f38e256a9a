"""The environments of AWS on moto, which stands in for it: AWS itself cannot be reached here.

terraform/moto/README.md says what moto lacks. The state is a file here; that of AWS is in S3.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.policy import rego
from ops.setup.opa_binary import OPA
from ops.terraform import trial
from ops.terraform.trial import Root

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(2_400)]


def test_staging_and_production_are_applied_at_once_changed_and_destroyed(tree: Path, tmp_path: Path) -> None:
    with ExitStack() as servers:
        try:
            _apply_change_and_destroy(tree, servers.enter_context(trial.moto(tmp_path / "moto.log")))
        except OperatorError:
            # On a busy machine an answer of moto's gets lost now and then, and what it made or deleted then is in nobody's
            # state: once more from the beginning.
            fresh = servers.enter_context(trial.moto(tmp_path / "moto-again.log"))
            _apply_change_and_destroy(trial.copy(tmp_path / "again"), fresh)


def _applied(tree: Path, endpoint: str) -> tuple[Root, Root]:
    """Staging and production, applied at once."""
    staging, production = (trial.environment(name, tree, endpoint) for name in ("staging", "production"))
    # An account has one provider for GitHub; it is the other environment's here.
    provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    production.set(ci={"repository": "acme/closecast", "environment": "production", "provider_arn": provider})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Root.apply, (staging, production)))
    return staging, production


def _apply_change_and_destroy(tree: Path, endpoint: str) -> None:
    staging, production = _applied(tree, endpoint)
    with ThreadPoolExecutor(2) as pool:
        # then
        assert list(pool.map(Root.changes, (staging, production))) == [{}, {}]

    # and what is there keeps every rule, now that everything of it is known
    opa = OPA.find_or_install().path
    found = [one for root in (staging, production) for one in rego.of_terraform(opa, root.state())]
    # moto gives no tags of vaults and plans of backups back.
    assert [one for one in found if one.rule != "tags" or ".aws_backup_" not in one.text] == []

    # when one variable is changed, then that is all; nothing else has changed since it was looked for
    production.set(subscriptions={"on-call": {"protocol": "email", "endpoint": "on-call@example.com"}})
    assert production.changes("-refresh=false") == {
        'module.platform.module.alerts.aws_sns_topic_subscription.this["on-call"]': ["create"]
    }
    production.set(subscriptions={}, servers=5)
    prefix = "module.platform.module"
    assert production.changes("-refresh=false") == {
        f"{prefix}.nomad_cluster[0].aws_launch_template.server": ["update"],
        f"{prefix}.nomad_cluster[0].aws_autoscaling_group.server": ["update"],
        f'{prefix}.observability[0].aws_cloudwatch_metric_alarm.this["too-few-servers"]': ["update"],
    }

    # when one goes, then the other stays as it was
    staging.destroy()
    production.set(servers=3)
    assert production.changes() == {}
    production.destroy()
