"""What every test may ask for: system components by name, a free port, the shared material.

Decides nothing about what is tested. In CI (the variable CI is set) a missing component fails the
test that needs it; elsewhere the test is skipped, and the end of the run lists it.
"""

import os
import socket
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings

from tests.grouping import pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PREFIX = "not run, missing "


def pytest_configure() -> None:
    """Tables are as wide as they need to be, whoever runs us in however narrow a window; and no
    example fails for the time it took: who else is on the machine is not asked about."""
    os.environ.pop("COLUMNS", None)
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


def components() -> dict[str, tuple[tuple[Path, ...], str]]:
    """Name -> (places where it is looked for, Debian package)."""
    rows = (line.split("\t") for line in (ROOT / "tests/components.tsv").read_text().splitlines())
    return {row[0]: (tuple(map(Path, row[1].split())), row[2]) for row in rows if row[0][:1] != "#"}


COMPONENTS = components()


def missing(names: tuple[str, ...]) -> dict[str, str]:
    """The named components that are not here, each with its remedy."""
    remedies = {}
    for name in names:
        if name == "root":
            if os.geteuid() != 0:
                remedies[name] = "run as root"
            continue
        places, package = COMPONENTS[name]
        if not any(place.exists() for place in places):
            remedies[name] = f"apt-get install {package}"
    return remedies


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--root-tests",
        choices=("all", "only", "none"),
        default="all",
        help="run all tests, only those that need root, or none of them",
    )


def needed(item: pytest.Item) -> tuple[str, ...]:
    return tuple(name for mark in item.iter_markers("needs") for name in mark.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        unknown = set(needed(item)) - COMPONENTS.keys() - {"root"}
        if unknown:
            raise pytest.UsageError(f"{item.nodeid} needs unknown components: {sorted(unknown)}")
    choice = config.getoption("--root-tests")
    is_soak = os.environ.get("SOAK") == "1"
    kept = [
        item
        for item in items
        if (is_soak or item.get_closest_marker("soak") is None)
        and (choice == "all" or ("root" in needed(item)) == (choice == "only"))
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    remedies = missing(needed(item))
    if not remedies:
        return
    if os.environ.get("CI"):
        cure = "; ".join(f"{name}: {remedy}" for name, remedy in remedies.items())
        pytest.fail(f"missing component, which is a failure in CI. {cure}", pytrace=False)
    pytest.skip(PREFIX + ", ".join(sorted(remedies)))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what was not run, and why."""
    reasons: defaultdict[str, int] = defaultdict(int)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("not run")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:5d}  {reason}")


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on at this moment. Prefer binding port 0 yourself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def shared() -> Path:
    """The owners' material beside the checkout; its cases are skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED.name}/ is not beside the checkout: its cases were not run")
    return SHARED
