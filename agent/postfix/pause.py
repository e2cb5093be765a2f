"""Pauses one Postfix instance and takes the pause back.

Owns two settings of that instance's main.cf and nothing else in it; the rest is compared before
and after. What is written survives a power cut before Postfix is told. Never flushes: a flush
delivers past defer_transports. Each function may be repeated at any time, also after having been
killed at any step, and then does what is left to do.
"""

import os
import time

from agent.postfix import commands, deferral, verbs
from agent.postfix.commands import PostfixProblem
from agent.postfix.instance import Facts, Instance, Stamp, read

# Postfix takes up to about 2 s to follow a reload; until then it is not asked again.
RELOAD_SECONDS = 5.0
# Every Postfix program waits until main.cf has been quiet for more than a second before it trusts
# what it read, so as not to see half an edit. Ours is whole from the first moment (a rename), and
# 2 s later is 2 s more of sending: its modification time is set this far back. What decides
# whether a queue manager is older is the file's change time, which cannot be set.
QUIET_NS = 3_000_000_000
# A change this far ahead of the clock is a clock that was set back.
AHEAD_NS = 1_000_000_000


class Steering:
    """Pauses and resumes one instance. Remembers only which reload it has just asked for."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._asked: tuple[Stamp, float] | None = None

    def pause(self) -> tuple[bool, bool]:
        """Defer every outbound service. Returns (changed, reloaded). Raises PostfixProblem."""
        facts = self.instance.facts()
        _refuse(facts, self.instance.directory)
        changed = not facts.is_paused
        remark = ""
        if changed:
            remark = self._edit(
                "-e",
                f"{deferral.LIST} = {', '.join(facts.outbound)}",
                f"{deferral.DEFERRAL} = {deferral.referring(facts.deferral)}",
            )
        self._sync()
        if changed and not self.instance.facts().is_paused:
            raise PostfixProblem(f"{self.instance.main_cf}: no pause after writing", retryable=True)
        return changed, self._finish(changed, remark)

    def resume(self) -> tuple[bool, bool]:
        """Take back what pause wrote, and nothing else. Returns and raises as pause."""
        facts = self.instance.facts()
        refers, kept = deferral.refers(facts.deferral), deferral.without(facts.deferral)
        remarks = []
        if refers and kept:
            remarks.append(self._edit("-e", f"{deferral.DEFERRAL} = {kept}"))
        if facts.has_mark:
            gone = [deferral.DEFERRAL] if refers and not kept else []
            remarks.append(self._edit("-X", *gone, deferral.LIST))
        self._sync()
        return facts.has_mark, self._finish(facts.has_mark, max(remarks, default=""))

    def _edit(self, *arguments: str) -> str:
        """One atomic change of main.cf. Returns what a person should look at, if anything."""
        before = deferral.others(read(self.instance.main_cf))
        commands.run("postconf", "-c", self.instance.directory, *arguments)
        _move_back(self.instance.main_cf, QUIET_NS)
        if deferral.others(read(self.instance.main_cf)) == before:
            return ""
        return f"{self.instance.main_cf}: other lines changed at the same time"

    def _finish(self, changed: bool, remark: str) -> bool:
        """Postfix is told in any case; what looked odd is said after that."""
        reloaded = self._load(changed)
        if remark:
            raise PostfixProblem(remark, retryable=True)
        return reloaded

    def _load(self, changed: bool) -> bool:
        """Have a running queue manager read the configuration; False if it need not be asked."""
        sight = self.instance.look()
        if not sight.running or (sight.is_loaded and not changed):
            return False
        _touch_if_ahead(self.instance)
        stamp = self.instance.stamp()
        now = time.monotonic()
        if self._asked and self._asked[0] == stamp and now - self._asked[1] < RELOAD_SECONDS:
            return False
        for verb in ("check", "reload"):
            commands.run("postfix", "-c", self.instance.directory, verb)
        self._asked = (stamp, now)
        return True

    def _sync(self) -> None:
        """A pause that Postfix was told must still be there after a power cut."""
        for path in (self.instance.main_cf, self.instance.directory):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _refuse(facts: Facts, directory: str) -> None:
    """What this way of pausing cannot close must be said, not passed over."""
    if facts.is_overridden:
        text = f"{directory}/master.cf: the qmgr line sets defer_transports by -o; take it out"
        raise PostfixProblem(text, retryable=False)
    for name in facts.outbound:
        if not verbs.is_name(name):
            text = f"{directory}/master.cf: service {name!r:.60} has no name that can be deferred"
            raise PostfixProblem(text, retryable=False)


def _touch_if_ahead(instance: Instance) -> None:
    """After the clock was set back no start of qmgr would ever be younger than the change."""
    now_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    for path, (changed_ns, _, _) in zip(
        (instance.main_cf, instance.master_cf), instance.stamp(), strict=True
    ):
        if changed_ns > now_ns + AHEAD_NS:
            _move_back(path, 0)


def _move_back(path: str, by_ns: int) -> None:
    """Set the modification time; the change time becomes now by itself."""
    found = os.stat(path)  # noqa: PTH116
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - by_ns))
