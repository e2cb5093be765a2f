"""What waits for one channel, folded: after an outage people get few words, not all the old ones.

Of one incident only the newest notice goes, and says how many went before it in vain; of many
incidents one digest.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from collector.core.notice import Notice, Occasion
from collector.core.phrases import lines
from collector.core.severity import Severity, gravest

DIGEST_ABOVE = 5
DIGEST_LINES = 30
DIGEST_CAUSE = "digest"
DIGEST_KEY = "digest:"
NONE_BEGUN: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One thing to send; with it all of `keys` are done."""

    notice: Notice
    keys: tuple[str, ...]


def fold(
    waiting: Sequence[Notice], *, digests: bool, begun: Mapping[str, str] = NONE_BEGUN
) -> tuple[Parcel, ...]:
    """In the order in which the incidents began to wait; the gravest first in a digest.

    `begun`: of notices whose sending was begun, and nobody knows how it ended, the key of their
    parcel. It goes again first, as it was, whatever came to wait since.
    """
    again: dict[str, list[Notice]] = {}
    for notice in waiting:
        if notice.key in begun:
            again.setdefault(begun[notice.key], []).append(notice)
    parcels = _by_thread([one for one in waiting if one.key not in begun])
    if digests and len(parcels) > DIGEST_ABOVE:
        parcels = (_digest(parcels),)
    return (*(_again(key, notices) for key, notices in again.items()), *parcels)


def _by_thread(waiting: Sequence[Notice]) -> tuple[Parcel, ...]:
    threads: dict[str, list[Notice]] = {}
    for notice in waiting:
        threads.setdefault(notice.thread, []).append(notice)
    return tuple(_newest(notices) for notices in threads.values())


def _again(key: str, notices: Sequence[Notice]) -> Parcel:
    parcels = _by_thread(notices)
    return _digest(parcels) if key.startswith(DIGEST_KEY) else parcels[0]


def _newest(notices: Sequence[Notice]) -> Parcel:
    newest = max(notices, key=lambda one: one.sequence)
    missed = len(notices) - 1
    if missed:
        word = "notice" if missed == 1 else "notices"
        said = f"{missed} earlier {word} of this incident did not go out in time"
        newest = replace(newest, what=(*newest.what, said))
    return Parcel(notice=newest, keys=tuple(one.key for one in notices))


def _digest(parcels: Sequence[Parcel]) -> Parcel:
    """Made of its parcels alone: the same ones make the same digest at any time."""
    newest = sorted(
        (parcel.notice for parcel in parcels),
        key=lambda one: (one.event is Occasion.RESOLVED, -one.severity.rank, one.opened_at),
    )
    keys = tuple(key for parcel in parcels for key in parcel.keys)
    open_ = [one for one in newest if one.event is not Occasion.RESOLVED]
    name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    since = min(one.at for one in newest)
    title = (
        f"{len(newest)} incidents since {since:%H:%M}Z, while this channel was away:"
        f" {len(open_)} open, {len(newest) - len(open_)} over"
    )
    digest = Notice(
        key=f"{DIGEST_KEY}{name}",
        thread=f"digest.{name}",
        incident=0,
        sequence=1,
        event=Occasion.DIGEST,
        cause=DIGEST_CAUSE,
        severity=gravest(one.severity for one in open_) or Severity.LOW,
        was=None,
        is_critical=any(one.is_critical for one in open_),
        at=max(one.at for one in newest),
        opened_at=since,
        title=title,
        what=lines((f"#{one.incident} {one.title}" for one in newest), most=DIGEST_LINES),
        can=("mailfleet status", "mailfleet alert ls"),
        nodes=tuple(sorted({name for one in open_ for name in one.nodes})),
        pools=tuple(sorted({name for one in open_ for name in one.pools})),
        standing=sum(one.standing for one in open_),
        tenant=_common({one.tenant for one in newest}),
    )
    return Parcel(notice=digest, keys=keys)


def _common(tenants: set[str | None]) -> str | None:
    return tenants.pop() if len(tenants) == 1 else None
