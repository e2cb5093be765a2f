"""Who may import whom: the floors of the house, one row for every module. Imports go down only."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.tidy.tree import Tree, imports

# The first row that fits a module gives its floor. A module that fits none is a complaint.
FLOORS: tuple[tuple[str, int], ...] = (
    # 0: arithmetic. No IO, no clock, no randomness, no logging.
    ("protos", 0),
    ("protos.fleet_pb2*", 0),
    ("deliverability", 0),
    ("deliverability.*", 0),
    ("collector.core", 0),
    ("collector.core.*", 0),
    ("collector.version", 0),
    ("agent.membership", 0),
    ("agent.watched", 0),
    ("agent.version", 0),
    ("agent.model", 0),
    ("agent.model_*", 0),
    ("agent.progress", 0),
    ("agent.report", 0),
    ("agent.details", 0),
    ("agent.details_senders", 0),
    ("agent.sent", 0),
    ("agent.converge", 0),
    ("agent.backoff", 0),
    ("agent.refusal", 0),
    ("agent.maillog.lines", 0),
    ("agent.maillog.months", 0),
    ("agent.maillog.parse*", 0),
    ("agent.maillog.position", 0),
    ("agent.maillog.silence", 0),
    ("agent.maillog.tally*", 0),
    ("agent.maillog.histogram", 0),
    ("agent.maillog.recipients*", 0),
    ("agent.maillog.times", 0),
    ("agent.maillog.unknown", 0),
    ("agent.postfix.deferral", 0),
    ("agent.postfix.services", 0),
    ("agent.postfix.pinning", 0),
    ("agent.postfix.verbs", 0),
    # 1: the edges, one outside system per file.
    ("collector.ports", 1),
    ("collector.ports_*", 1),
    ("collector.config", 1),
    ("collector.config_*", 1),
    ("collector.presence", 1),
    ("collector.census", 1),
    ("collector.backlog", 1),
    ("collector.vitals", 1),
    ("collector.continuity", 1),
    ("collector.nuisances", 1),
    ("collector.adapters", 1),
    ("collector.adapters.*", 1),
    ("agent.clock", 1),
    ("agent.config", 1),
    ("agent.filewatch", 1),
    ("agent.garbage", 1),
    ("agent.identity", 1),
    ("agent.state", 1),
    ("agent.state_*", 1),
    ("agent.bell", 1),
    ("agent.renewal", 1),
    ("agent.enrol", 1),
    ("agent.wire", 1),
    ("agent.wire_*", 1),
    ("agent.standing_orders", 0),
    ("agent.self_silence", 0),
    ("agent.stream", 1),
    ("agent.uplink", 1),
    ("agent.helper", 1),
    ("agent.notify", 1),
    ("agent.logs", 1),
    ("agent.maillog", 1),
    ("agent.maillog.*", 1),
    ("agent.host", 1),
    ("agent.host.*", 1),
    ("agent.dnsbl", 1),
    ("agent.dnsbl.*", 1),
    ("agent.postfix", 1),
    ("agent.postfix.*", 1),
    # 2: ports in, core called, ports out; in the agent, the parts the daemon is made of.
    ("agent.enforcement", 2),
    ("agent.pulse", 2),
    ("agent.check", 2),
    ("agent.backfill", 2),
    ("agent.logs_test", 2),
    ("agent.recounting", 2),
    ("agent.logs_test_*", 2),
    ("collector.intake", 2),
    ("collector.identity", 2),
    ("collector.identity.*", 2),
    ("collector.reign", 2),
    ("collector.rejections", 2),
    ("collector.control", 2),
    ("collector.rotations", 2),
    ("collector.governor", 2),
    ("collector.zoning", 2),
    ("collector.lookout", 2),
    ("collector.ports_zones", 1),
    ("collector.dispatch", 2),
    ("collector.courier", 2),
    ("collector.operate", 2),
    ("collector.operate.*", 2),
    ("agent.health", 2),
    ("agent.loops", 2),
    ("agent.session", 2),
    ("agent.status", 2),
    ("agent.outset", 2),
    ("agent.present", 2),
    # 3: the faces: translate, call floor 2.
    ("collector.wire", 3),
    ("collector.rpc", 3),
    ("collector.rpc.*", 3),
    ("collector.web", 3),
    ("collector.web.*", 3),
    # 4: build everything, choose the loop.
    ("collector.service", 4),
    ("collector.service.*", 4),
    ("collector.cli", 4),
    ("collector.cli.*", 4),
    ("agent.daemon", 4),
    ("agent.__main__", 4),
    ("demo", 4),
    ("demo.*", 4),
    # Outside the house: may import all, is imported by none.
    ("benchmarks", 5),
    ("benchmarks.*", 5),
    # The two roots are empty packages.
    ("agent", 0),
    ("collector", 0),
)

# Across packages on one floor, only these.
SIDEWAYS: tuple[tuple[str, str], ...] = (
    ("collector.cli", "collector.service"),
    ("agent.__main__", "agent.daemon"),
    ("demo", "collector.service"),
    ("demo", "agent.daemon"),
    ("agent.uplink", "agent.wire"),
    ("agent.uplink", "agent.stream"),  # which it opens and keeps
    ("agent.stream", "agent.wire"),
    ("agent.helper", "agent.postfix"),
    ("collector.rpc", "collector.wire"),  # the collector's wire is a part of rpc's face
    ("collector.*", "collector.ports"),  # an adapter raises its port's exception
    ("collector.census", "collector.presence"),
    ("collector.core", "deliverability"),  # what the trade knows
    ("agent", "deliverability"),
    ("agent.enrol", "agent.identity"),  # the key it makes is kept there
)

# Packages whose files stand alone instead of belonging together; their pure files do.
LOOSE = ("agent", "collector", "collector.adapters")

# Files that belong together without being a folder, by the name of their head.
TOGETHER: dict[str, tuple[str, ...]] = {
    "collector.config": ("collector.config_*",),
    "collector.ports": ("collector.ports_*",),
    "agent.logs_test": ("agent.logs_test_*",),
    "agent.state": ("agent.state_*",),
    "agent.wire": ("agent.wire_*",),
    "agent.loops": (
        "agent.check",
        "agent.enforcement",
        "agent.health",
        "agent.pulse",
        "agent.session",
        "agent.present",
        "agent.outset",
        "agent.recounting",
    ),
}

# All that floor 0 may use of the standard library, and nothing else.
PURE = frozenset(
    (
        *(
            "__future__",
            "abc",
            "array",
            "base64",
            "bisect",
            "collections",
            "collections.abc",
            "contextlib",
        ),
        *("copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
        *("hashlib", "heapq", "hmac", "ipaddress", "itertools", "json"),
        *("math", "operator", "re", "statistics", "string", "struct", "textwrap", "types"),
        *("typing", "unicodedata", "urllib.parse", "zlib"),
    )
)
# Tables that lie beside the code, in deliverability alone.
PURE_DATA = frozenset(("importlib.resources", "pkgutil"))


def floor(name: str) -> int | None:
    return next((number for pattern, number in FLOORS if fnmatchcase(name, pattern)), None)


def package(name: str) -> str:
    """The smallest group whose files may import each other."""
    for head, patterns in TOGETHER.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return head
    parts = name.split(".")
    if parts[0] == "agent" and floor(name) == 0:
        return "agent"
    prefixes = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix not in LOOSE), name)


def check(tree: Tree) -> list[str]:
    """One sentence for every module without a floor and every import that goes up or sideways."""
    homeless = [
        f"{m.path}: has no row in floors.FLOORS" for m in tree.values() if _homeless(m.name)
    ]
    return homeless + [complaint for name in tree for complaint in _imports(name, tree)]


def _homeless(name: str) -> bool:
    return floor(name) is None


def _imports(name: str, tree: Tree) -> Iterator[str]:
    module = tree[name]
    for target, line in imports(module, tree):
        place = f"{module.path}:{line}"
        if floor(target) is None:
            if floor(name) == 0 and not _is_pure(name, target):
                yield f"{place}: floor 0 is arithmetic and may not import {target}"
        elif reason := refusal(name, target):
            yield f"{place}: {name} may not import {target}: {reason}"


def _is_pure(name: str, target: str) -> bool:
    return target in PURE or (target in PURE_DATA and package(name) == "deliverability")


def refusal(name: str, target: str) -> str:
    """Why the one may not import the other; empty when it may."""
    here, there = floor(name), floor(target)
    if here is None or there is None:
        return ""
    if {name.split(".")[0], target.split(".")[0]} == {"agent", "collector"}:
        return "agent and collector share protos and deliverability, nothing else"
    if there > here:
        return f"that is floor {there} from floor {here}"
    if there == here and package(name) != package(target) and not _may_go_sideways(name, target):
        return f"that is sideways on floor {here}"
    return ""


def _may_go_sideways(name: str, target: str) -> bool:
    pairs = ((package(name), package(target)), (name, target))
    return any(
        fnmatchcase(one, source) and fnmatchcase(other, goal)
        for one, other in pairs
        for source, goal in SIDEWAYS
    )
