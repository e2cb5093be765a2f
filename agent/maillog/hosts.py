"""Whose lines a log holds where several machines write into it: another's are taken out.

Guesses nothing: a host that is not ours is another machine only when lines of ours and of its take
turns, under one syslog_name. A machine that was renamed writes under one name, then for ever under
another. So the first lines under a new name wait until our own speaks again, and count as ours when
it does not. Pure; what this machine is called at present is asked of the caller.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from agent.maillog import parse, unknown
from agent.maillog.follow import Batch
from agent.maillog.lines import Parsed
from agent.maillog.locate import Gap
from agent.maillog.tally_whose import Own
from agent.maillog.unknown import UnknownLines

WAITS_FOR = timedelta(seconds=30)
WAITING_BYTES_MAX = 4 << 20
NAMES_MAX = 4096  # that are being told apart; past it that begins anew
INSTANCE_BYTES_MAX = 128
FOREIGN_MAX = 4096  # of more machines than that the lines count as ours
# What Postfix and syslogd call a machine that has no name (yet).
NAMELESS = frozenset((b"", b"-", b"localhost", b"amnesiac", b"unknown"))


def name_of(host: bytes) -> bytes:
    """As it is compared: the first label, of an address all of it. With or without the domain is
    up to syslogd's and Postfix's configuration."""
    host = host.lower()
    return host if host[:1].isdigit() or b":" in host else host.partition(b".")[0]


@dataclass(frozen=True, kw_only=True)  # without slots: what is counted once is kept
class Sifted:
    """What is to be counted, and how many lines of which other machines were taken out of it."""

    batch: Batch
    parsed: Parsed
    by_host: Mapping[bytes, int] = field(default_factory=dict)

    @cached_property
    def lines(self) -> int:
        """All there were."""
        taken_out = sum(self.by_host.values())
        return parse.count_lines(self.batch.data) + self.batch.overlong + taken_out

    @cached_property
    def overlong(self) -> int:
        return parse.count_overlong(self.batch.data) + self.batch.overlong

    @property
    def is_usual(self) -> bool:
        """Of `added_to` nothing but `lines` would be more."""
        parsed = self.parsed
        return not (parsed.unparsed or parsed.unknown or self.overlong or self.by_host)

    def added_to(self, strange: UnknownLines) -> UnknownLines:
        return unknown.added(
            strange,
            self.parsed,
            lines=self.lines,
            overlong=self.overlong,
            by_host=self.by_host,
        )


class Sieve:
    """`take` what was read, in the log's order. `foreign`: names of other machines, from before."""

    def __init__(self, own: Own, foreign: Iterable[bytes] = ()) -> None:
        self._hosts = Hosts(own, foreign)
        self._waiting: Batch | None = None
        self._since: datetime | None = None

    def take(self, batch: Batch | None, now: datetime) -> Sifted | None:
        """None: there is nothing to be counted yet. Of a lone machine's lines nothing is asked but
        what was noticed while they were read."""
        if batch is not None and batch.behind:
            self.learn(batch.behind)
        if batch is not None and self._waiting is None:
            parsed = parse.parse_counted(batch.data)
            if not self._hosts.are_several():
                return Sifted(batch=batch, parsed=parsed)
        if batch is not None:
            self._hosts.read(batch.data)
            self._waiting = batch if self._waiting is None else _joined(self._waiting, then=batch)
            self._since = self._since or now
        if self._waiting is None or self._since is None:
            return None
        is_long = abs(now - self._since) >= WAITS_FOR  # also by a clock put back
        if self._hosts.is_in_doubt and not is_long and not self._is_much(self._waiting):
            return None
        return self.rest()

    def learn(self, behind: bytes) -> None:
        """Who wrote before; it is counted, or is not to be."""
        if self._waiting is None:
            parse.parse_counted(behind)
            self._hosts.read(behind)
            self._hosts.forget()

    def rest(self) -> Sifted | None:
        """What waits, decided as it stands; None: nothing does."""
        batch, self._waiting, self._since = self._waiting, None, None
        if batch is None:
            return None
        kept, by_host = self._hosts.sifted()
        batch = batch._replace(data=kept)
        return Sifted(batch=batch, parsed=parse.parse_counted(kept), by_host=by_host)

    def _is_much(self, batch: Batch) -> bool:
        return len(batch.data) > WAITING_BYTES_MAX or batch.gap is not None


class Hosts:
    """`read` lines, then `sifted` of all that were read since."""

    def __init__(self, own: Own, foreign: Iterable[bytes]) -> None:
        self._own_now = own
        self._own: frozenset[bytes] = NAMELESS
        self._foreign = set(foreign)
        self._ours: set[bytes] = set()
        self._noticed = -1
        self._are_several = False
        self._we_wrote: set[bytes] = set()  # syslog_names
        # Names that are not ours, by the syslog_name they write under: whether since a line of
        # ours, and of those of before whether one of ours followed.
        self._since_ours: dict[bytes, set[bytes]] = {}
        self._before_ours: dict[bytes, set[bytes]] = {}
        self._followed: dict[bytes, set[bytes]] = {}
        self._lines: list[tuple[bytes, bytes]] = []  # name and line

    def are_several(self) -> bool:
        """Whether lines read in this process name our host, and another one."""
        if len(parse.hosts) != self._noticed:
            self._noticed = len(parse.hosts)
            self._ask_own()
            names = {name_of(host) for host in parse.hosts.values()} - NAMELESS
            self._are_several = bool(names & self._own) and not names <= self._own
        return self._are_several

    @property
    def is_in_doubt(self) -> bool:
        """Whether of somebody who wrote nobody can tell yet."""
        return any(not names <= self._ours for names in self._since_ours.values())

    def read(self, data: bytes) -> None:
        self._ask_own()
        *lines, rest = data.split(b"\n")
        for line in [line + b"\n" for line in lines] + [rest] * (rest != b""):
            instance, host = parse.writer_of(line)
            name = name_of(host)
            self._lines.append((name, line))
            if instance and name not in self._foreign and len(instance) <= INSTANCE_BYTES_MAX:
                self._note(name, instance=instance)
        tables = (self._since_ours, self._before_ours, self._followed)
        names = sum(1 + len(names) for table in tables for names in table.values())
        if names + len(self._ours) + len(self._we_wrote) > NAMES_MAX:
            for learnt in (*tables, self._ours, self._we_wrote):
                learnt.clear()

    def sifted(self) -> tuple[bytes, Counter[bytes]]:
        """Our lines, and the numbers of the others'. Who is still in doubt is ours."""
        for names in self._since_ours.values():
            self._ours |= names
        lines, self._lines = self._lines, []
        others = Counter(name for name, _ in lines if name in self._foreign)
        return b"".join(line for name, line in lines if name not in self._foreign), others

    def forget(self) -> None:
        """The lines, not who wrote them."""
        self._lines.clear()

    def _ask_own(self) -> None:
        """A name that was ours stays ours."""
        self._own |= {name_of(host) for host in self._own_now()}
        self._foreign -= self._own

    def _note(self, name: bytes, *, instance: bytes) -> None:
        if name in self._own:
            if name not in NAMELESS:
                self._note_own(instance)
        elif name in self._followed.get(instance, ()):
            self._condemn(name)
        elif instance in self._we_wrote:
            self._since_ours.setdefault(instance, set()).add(name)
        else:
            self._before_ours.setdefault(instance, set()).add(name)

    def _note_own(self, instance: bytes) -> None:
        self._we_wrote.add(instance)
        for name in self._since_ours.pop(instance, ()):
            self._condemn(name)
        before = self._before_ours.pop(instance, None)
        if before:
            self._followed.setdefault(instance, set()).update(before)

    def _condemn(self, name: bytes) -> None:
        """Another machine's."""
        if len(self._foreign) >= FOREIGN_MAX:
            self._ours.add(name)
            return
        self._foreign.add(name)
        self._ours.discard(name)
        for table in (self._since_ours, self._before_ours, self._followed):
            for names in table.values():
                names.discard(name)


def _joined(first: Batch, *, then: Batch) -> Batch:
    gap = first.gap or then.gap
    if first.gap is not None and then.gap is not None:
        text = f"{first.gap.text}; {then.gap.text}"
        gap = Gap(start=first.gap.start, end=then.gap.end, text=text)
    return then._replace(
        data=first.data + then.data,
        overlong=first.overlong + then.overlong,
        gap=gap,
        moved=first.moved or then.moved,
    )
