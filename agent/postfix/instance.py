"""One Postfix instance: what its configuration says and what its queue manager can know of it.

Reads and changes nothing. Everything is asked of postconf(1), so that no format of Postfix's own
is parsed twice, and asked again only when one of the two files changed.
"""

import os
import time

from agent.postfix import commands, deferral, processes, services
from agent.postfix.commands import PostfixProblem

PARAMETERS = (
    deferral.DEFERRAL,
    deferral.LIST,
    "queue_directory",
    "mail_version",
    "multi_instance_directories",
    *services.HANDOVERS,
)
# A file's times move in steps of the kernel's tick: what changed a moment ago may change again
# without a trace, and is read anew each time until it is this old.
SETTLED_NS = 2_000_000_000
READS_MAX = 3
FILE_BYTES_MAX = 4 * 1024 * 1024

# (changed_ns, size, inode) of main.cf and of master.cf
Stamp = tuple[tuple[int, int, int], tuple[int, int, int]]


class Facts:
    """What the configuration says; names as in master.cf."""

    __slots__ = (
        "deferral",
        "deferred",
        "has_mark",
        "is_overridden",
        "outbound",
        "paused",
        "values",
    )

    def __init__(self, directory: str) -> None:
        self.values = _parameters(commands.run("postconf", "-c", directory, "-x", *PARAMETERS))
        # defer_transports as it is written, unexpanded
        self.deferral = commands.run("postconf", "-c", directory, "-h", deferral.DEFERRAL).strip()
        try:
            found = services.parse_services(commands.run("postconf", "-c", directory, "-M"))
        except ValueError as error:
            raise PostfixProblem(f"postconf -M: {error}", retryable=False) from error
        handovers = {name: self.values[name] for name in services.HANDOVERS}
        self.outbound = services.outbound(found, handovers)
        ours = (deferral.DEFERRAL, deferral.LIST)
        self.is_overridden = services.has_own_deferral(found, ours)
        refers = deferral.refers(self.deferral)
        # Something of ours to take back, in force or not.
        self.has_mark = refers or deferral.is_listed(read(f"{directory}/main.cf"))
        self.paused = deferral.tokens(self.values.get(deferral.LIST, "")) if refers else ()
        effective = deferral.tokens(self.values[deferral.DEFERRAL])
        self.deferred = () if self.is_overridden else effective

    @property
    def is_paused(self) -> bool:
        """By us: the list covers every outbound service and is referred to."""
        return set(self.outbound) <= set(self.paused)


class Sight:
    """One look at an instance."""

    __slots__ = ("changed_us", "facts", "qmgr_started_us", "running")

    def __init__(self, facts: Facts, *, master_pid: int | None, changed_us: int) -> None:
        self.facts = facts
        self.changed_us = changed_us
        self.running = master_pid is not None
        self.qmgr_started_us = processes.qmgr_started_us(master_pid) if master_pid else None

    @property
    def lag_us(self) -> int:
        """By how much the queue manager is older than the configuration; it read it if ≤ 0."""
        return self.changed_us - (self.qmgr_started_us or 0)

    @property
    def is_loaded(self) -> bool:
        return not self.running or self.lag_us <= 0


class Instance:
    """The instance whose main.cf and master.cf lie in this directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.main_cf = f"{directory}/main.cf"
        self.master_cf = f"{directory}/master.cf"
        self._known: tuple[Stamp, Facts] | None = None

    def look(self) -> Sight:
        """Forks nothing while the two files stay as they are. Raises PostfixProblem."""
        facts = self.facts()
        try:
            pid = processes.master(facts.values["queue_directory"])
            changed_ns = max(changed for changed, _, _ in self.stamp())
            return Sight(facts, master_pid=pid, changed_us=-(-changed_ns // 1000))
        except OSError as error:
            raise PostfixProblem(f"{self.directory}: {error}", retryable=True) from error

    def facts(self) -> Facts:
        """Raises PostfixProblem."""
        for _ in range(READS_MAX):
            stamp = self.stamp()
            if self._known and self._known[0] == stamp:
                return self._known[1]
            facts = Facts(self.directory)
            if self.stamp() == stamp:
                age_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - max(stamp)[0]
                self._known = (stamp, facts) if age_ns > SETTLED_NS else None
                return facts
        raise PostfixProblem(f"{self.directory}: changes while it is read", retryable=True)

    def stamp(self) -> Stamp:
        """Raises PostfixProblem."""
        try:
            return _stamp(self.main_cf), _stamp(self.master_cf)
        except OSError as error:
            raise PostfixProblem(f"{error.filename}: {error.strerror}", retryable=True) from error


def read(path: str) -> str:
    """A configuration file. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, FILE_BYTES_MAX)
    finally:
        os.close(descriptor)
    return content.decode("utf-8", "surrogateescape")


def _stamp(path: str) -> tuple[int, int, int]:
    """Changed: ctime, which also moves when an older file is put in its place and never lies back.

    Of a link, the younger of the link's and the file's.
    """
    file, link = os.stat(path), os.lstat(path)  # noqa: PTH116
    return max(file.st_ctime_ns, link.st_ctime_ns), file.st_size, file.st_ino


def _parameters(text: str) -> dict[str, str]:
    """`name = value` lines of postconf(1); it leaves out our list while that is not set."""
    pairs = (line.partition("=") for line in text.splitlines())
    values = {name.strip(): value.strip() for name, _, value in pairs}
    if lacking := [name for name in PARAMETERS if name != deferral.LIST and name not in values]:
        raise PostfixProblem(f"postconf does not know {', '.join(lacking)}", retryable=False)
    return values
