"""The configuration of the agent keeps what is promised of it."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.nomad.agent import Agent


def test_the_agent_keeps_its_port_and_its_configuration_its_promises(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", "14646")
    agent = Agent.of_state()
    assert agent.ports == (14646, 14647, 14648, 14649)
    # then
    written = agent.configured({"python": '/a "quoted" path'})
    for configuration in written.values():
        assert 'bind_addr = "127.0.0.1"' in configuration
        assert "acl {\n  enabled = true" in configuration
    assert '"/a \\"quoted\\" path"' in written[agent.client]
    assert agent.outdated({}) == [agent.server, agent.client]
    # and a port that is none is refused
    monkeypatch.setenv("CLOSECAST_NOMAD_PORT", "many")
    with pytest.raises(OperatorError, match="'many', not a port"):
        Agent.of_state()
    # and the one it was started with is remembered
    monkeypatch.delenv("CLOSECAST_NOMAD_PORT")
    (state / "nomad").mkdir(parents=True)
    (state / "nomad" / "agent.json").write_text('{"port": 24646}')
    assert Agent.of_state().port == 24646
