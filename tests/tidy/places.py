"""Which library may be named where. A library without a row is a complaint, wherever it stands."""

import sys
from fnmatch import fnmatchcase

from tests.tidy import floors
from tests.tidy.tree import Tree, imports

BUILDERS = ("agent.daemon", "agent.__main__", "collector.service.*", "demo.*", "benchmarks.*")
# "edges" stands for every module above floor 0.
PLACES: dict[str, tuple[str, ...]] = {
    "anyio": ("edges",),
    "structlog": ("edges",),
    "msgspec": ("edges",),
    "grpc": (
        *("agent.wire", "agent.stream", "agent.enrol", "agent.daemon"),
        *("collector.wire", "collector.rpc.*", "collector.service.*", "demo.*", "benchmarks.*"),
    ),
    "google": ("agent.wire*", "agent.uplink", "agent.enrol", "collector.wire", "collector.rpc.*"),
    "protos": (
        *("agent.wire*", "agent.uplink", "agent.enrol"),
        *("collector.wire", "collector.rpc.*", "collector.service.*", "benchmarks.*"),
    ),
    "cryptography": (
        *("agent.enrol", "collector.adapters.ca*", "collector.adapters.secrets*", "benchmarks.*"),
    ),
    "sqlalchemy": ("collector.adapters.store.*", "benchmarks.*"),
    "alembic": ("collector.adapters.store.*",),
    "aiosqlite": ("collector.adapters.store.*", "benchmarks.*"),
    "sqlite3": (
        *("agent.state*", "collector.adapters.store.*", "collector.adapters.backup*"),
        "benchmarks.*",
    ),
    "click": ("collector.cli.*", "agent.__main__", "demo.*"),
    "rich": ("collector.cli.*", "demo.*"),
    "rich_click": ("collector.cli.*", "demo.*"),
    "aiohttp": (
        *("collector.web.*", "collector.cli.*", "collector.service.*", "demo.*"),
        "collector.adapters.notify.*",
    ),
    "aiosmtplib": ("collector.adapters.notify.*",),
    "apprise": ("collector.adapters.notify.*",),
    "pydantic": ("collector.web.*",),
    "psutil": (
        "agent.host.*",
        "agent.daemon",
        "collector.adapters.notify.*",
        "demo.*",
        "benchmarks.*",
    ),
    "dns": ("agent.dnsbl.*", "collector.adapters.resolver*", "demo.*", "benchmarks.*"),
    "uvloop": BUILDERS,
    "tomli": ("agent.config", "collector.config"),
    "tests": ("benchmarks.*",),
}
# Their imports are judged by the floors.
OURS = frozenset(("agent", "collector", "deliverability", "demo", "benchmarks"))


def check(tree: Tree) -> list[str]:
    """One sentence for every library named where it may not be."""
    return sorted(
        f"{module.path}:{line}: {refused}"
        for name, module in tree.items()
        for target, line in imports(module, tree)
        if (refused := refusal(name, target.split(".")[0]))
    )


def refusal(name: str, library: str) -> str:
    """Why this module may not name this library; empty when it may."""
    if library not in PLACES:
        if library in OURS or library in sys.stdlib_module_names:
            return ""
        return f"{library} has no row in places.PLACES"
    if any(_fits(name, pattern) for pattern in PLACES[library]):
        return ""
    return f"{library} has its place in {', '.join(PLACES[library])}, not in {name}"


def _fits(name: str, pattern: str) -> bool:
    if pattern == "edges":
        return floors.floor(name) != 0
    return fnmatchcase(name, pattern) or name == pattern.removesuffix(".*")
