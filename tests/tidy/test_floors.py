"""The house keeps its floors, and the checker sees a house that does not."""

from pathlib import Path

import pytest

from tests.tidy import floors, tree


def test_every_module_has_a_floor_and_imports_go_down() -> None:
    complaints = floors.check(tree.load(tree.ROOT))
    assert not complaints, "\n".join(complaints)


BAD = {
    "up": ("agent/report.py", "import agent.state", "floor 1 from floor 0"),
    "up from a function": (
        "collector/intake.py",
        "def late():\n    from collector.rpc import fleet",
        "floor 3 from floor 2",
    ),
    "up, relative": ("agent/maillog/parse.py", "from . import follow", "floor 1 from floor 0"),
    "sideways": ("collector/adapters/ca.py", "from collector.adapters import ssh", "sideways"),
    "sideways on the agent": ("agent/state.py", "from agent.dnsbl import sweep", "sideways"),
    "sideways on floor 2": ("collector/intake.py", "import collector.control", "sideways"),
    "cli to daemon": ("collector/cli/node.py", "import agent.daemon", "nothing else"),
    "agent to collector": ("agent/daemon.py", "from collector.core import model", "nothing else"),
    "collector to agent": ("collector/service.py", "import agent.model", "nothing else"),
    "no floor": ("agent/novelty.py", "", "has no row"),
    "clock in the core": ("collector/core/decide.py", "import time", "arithmetic"),
    "logging in the core": ("collector/core/decide.py", "import structlog", "arithmetic"),
    "IO in the trade's knowledge": ("deliverability/zones.py", "import dns.message", "arithmetic"),
    "benchmarks from below": ("demo/world.py", "import benchmarks.store", "floor 5 from floor 4"),
}


@pytest.mark.parametrize("path, text, complaint", BAD.values(), ids=BAD)
def test_a_bad_import_is_seen(tmp_path: Path, path: str, text: str, complaint: str) -> None:
    for name in (path, "agent/maillog/follow.py", "agent/dnsbl/sweep.py", "collector/rpc/fleet.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / path).write_text(text + "\n")
    complaints = floors.check(tree.load(tmp_path))
    assert len(complaints) == 1
    assert complaint in complaints[0]
    assert path in complaints[0]


@pytest.mark.parametrize(
    "name, target",
    [
        ("collector.cli.run", "collector.service"),
        ("agent.__main__", "agent.daemon"),
        ("demo.world", "collector.service"),
        ("demo.world", "agent.daemon"),
        ("agent.uplink", "agent.wire"),
        ("agent.helper", "agent.postfix.observe"),
        ("agent.maillog.follow", "agent.maillog.parse"),
        ("agent.postfix.pause", "agent.postfix.observe"),
        ("agent.report", "agent.model"),
        ("agent.report", "deliverability.zones"),
        ("collector.core.decide", "deliverability.zones"),
        ("collector.adapters.store.journal", "collector.adapters.store.schema"),
        ("collector.adapters.resolver", "collector.ports"),
        ("collector.rpc.fleet", "collector.wire"),
    ],
)
def test_what_the_design_allows_is_allowed(name: str, target: str) -> None:
    assert floors.refusal(name, target) == ""
