"""What of the log was not understood: how much of which daemon, and the newest few lines. Pure.

Kept for people (`doctor`), who tell from it whether the totals can be trusted. Guesses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.maillog.lines import Parsed
from deliverability import replies

DAEMONS_MAX = 32
HOSTS_MAX = 32
NAME_LENGTH_MAX = 32
NEWEST_KEPT_MAX = 5
NEWEST_LENGTH_MAX = 160
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLines:
    """Since the epoch. `lines`: all that were read, whatever program wrote them.

    `deliveries` look like a delivery's and could not be understood; `overlong` ones were skipped;
    `by_daemon` are of Postfix and of no kind we know. `newest`: oldest first, cut, local parts of
    addresses hidden. `by_host`: lines of other machines that write into the same log, taken out.
    """

    lines: int = 0
    deliveries: int = 0
    overlong: int = 0
    by_daemon: Mapping[str, int] = field(default_factory=dict)
    newest: tuple[str, ...] = ()
    by_host: Mapping[str, int] = field(default_factory=dict)

    @property
    def foreign(self) -> tuple[bytes, ...]:
        """Names of the other machines, as far as they are told apart."""
        return tuple(name.encode() for name in self.by_host if name != OTHER)

    @property
    def count(self) -> int:
        return self.deliveries + self.overlong + sum(self.by_daemon.values())


_NONE: Mapping[bytes, int] = {}


def added(
    before: UnknownLines,
    parsed: Parsed,
    *,
    lines: int,
    overlong: int,
    by_host: Mapping[bytes, int] = _NONE,
) -> UnknownLines:
    """With what these `lines` held; `overlong` and those of `by_host` are not in `parsed`."""
    newest = before.newest
    if parsed.newest_unknown:
        redacted = map(_shown, parsed.newest_unknown[-NEWEST_KEPT_MAX:])
        newest = (*newest, *redacted)[-NEWEST_KEPT_MAX:]
    return UnknownLines(
        lines=before.lines + lines,
        deliveries=before.deliveries + parsed.unparsed,
        overlong=before.overlong + overlong,
        by_daemon=_summed(before.by_daemon, parsed.unknown, most=DAEMONS_MAX),
        newest=newest,
        by_host=_summed(before.by_host, by_host, most=HOSTS_MAX),
    )


def _summed(
    before: Mapping[str, int], news: Mapping[bytes, int], *, most: int
) -> Mapping[str, int]:
    if not news:
        return before
    counts = dict(before)
    for one, count in news.items():
        name = one.decode("ascii", "replace")[:NAME_LENGTH_MAX]
        if name not in counts and len(counts) >= most:
            name = OTHER
        counts[name] = counts.get(name, 0) + count
    return counts


def _shown(line: bytes) -> str:
    shown = replies.redact(line)
    return shown if len(shown) <= NEWEST_LENGTH_MAX else shown[: NEWEST_LENGTH_MAX - 1] + "…"
