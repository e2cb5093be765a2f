"""Which logs are followed, one or several: hands out their lines in turn, with one position.

Knows who joined and who left; what happens to one file is the follower's. A file that comes to fit
a pattern joins from its beginning; one whose name is gone leaves when it was read.
"""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.maillog import files, permission
from agent.maillog.files import Exchanged
from agent.maillog.follow import DISORDER_MAX, Batch, Follower
from agent.maillog.locate import Gap
from agent.maillog.patterns import Patterns
from agent.maillog.position import LogPosition, Place, Position, Positions
from agent.watched import Watched

LEFT_REMEMBERED_MAX = 64
SCAN_EVERY = timedelta(seconds=1)
GONE_FOR = timedelta(minutes=1)  # a name missing so long has left; a rotation is over by then
_NOWHERE = LogPosition()


@dataclass(slots=True)
class _Followed:
    follower: Follower
    may_leave: bool
    place: Place | None = None
    gone_since: datetime | None = None
    problem: str = ""


class Sources:
    """Follows the files of these paths and patterns (glob(7)).

    `position`: where all of them stand; None: each begins at its end. `counted_to`: the last line's
    time, from where a file that has no place of its own goes on.
    """

    def __init__(
        self, patterns: Sequence[str], *, position: Position | None, counted_to: datetime
    ) -> None:
        self._patterns = Patterns(tuple(patterns))
        self._lone = self._patterns.lone
        self._starts_at_end = position is None
        self._counted_to = counted_to
        self._seen_until = counted_to - DISORDER_MAX
        self._followed: dict[str, _Followed] = {}
        self._turns: deque[str] = deque()
        self._left: dict[str, Place] = {}
        self._lost: deque[tuple[datetime, str]] = deque()  # since when, and why
        self._failure: OSError | None = None
        self._scanned_at = counted_to
        self._watched: Watched | None = None
        if position is not None:
            self._go_on(position)

    @property
    def problems(self) -> tuple[str, ...]:
        told = [one.problem for one in self._followed.values() if one.problem]
        for name, one in self._followed.items():
            if not (one.problem or one.follower.is_open or one.may_leave):
                told.append(f"there is no log {name}")
        if not self._followed:
            told.append(f"there is no log {', '.join(self._patterns.patterns)}")
            told += map(permission.explain_folder, self._patterns.folders_shut)
        if surplus := self._patterns.surplus:
            told.append(f"{surplus} logs are not followed: too many, or their names too long")
        return tuple(told)

    def __str__(self) -> str:
        return ", ".join(self._followed)

    @property
    def watched(self) -> Watched:
        if self._watched is None:
            names = dict.fromkeys((*self._patterns.paths, *self._followed))
            self._watched = Watched(tuple(names), self._patterns.folders)
        return self._watched

    def read(self, now: datetime) -> Batch | None:
        """The next lines of whichever has some; OSError when none of them can be read."""
        self._failure = None
        if self._starts_at_end:
            return self._begin(now)
        if not self._lone and abs(now - self._scanned_at) > SCAN_EVERY:
            self._scan(now)  # also while lines come without end
        batch = self._read_next(now)
        if batch is None and not self._lone and self._scan(now):
            batch = self._read_next(now)
        if batch is None and self._lost:
            batch = self._tell_lost(now)
        if batch is None:
            self._raise_if_all_failed()
        return batch

    def expect_new(self) -> None:
        self._starts_at_end = False
        for one in self._followed.values():
            if not one.problem:
                one.follower.expect_new()

    def close(self) -> None:
        for one in self._followed.values():
            one.follower.close()

    # Reading.

    def _begin(self, now: datetime) -> Batch | None:
        """All that there are at their ends, at once; from then on whatever comes is new."""
        self._scan(now)
        batches = [batch for name in [*self._turns] if (batch := self._read_one(name, now))]
        if not batches:
            self._raise_if_all_failed()
            return None
        self.expect_new()
        return batches[-1]

    def _read_next(self, now: datetime) -> Batch | None:
        for _ in range(len(self._turns)):
            name = self._turns[0]
            batch = self._read_one(name, now)
            if batch is None or not self._lone:
                self._turns.rotate(-1)
            if batch is not None:
                return batch
        return None

    def _read_one(self, name: str, now: datetime) -> Batch | None:
        one = self._followed[name]
        try:
            batch = one.follower.read(now)
        except OSError as error:
            one.follower.close()
            one.problem = permission.explain(error, Path(name))
            self._failure = error
            return None
        one.problem = ""
        if batch is None:
            return None
        assert isinstance(batch.position, LogPosition)
        one.place = Place(position=batch.position, counted_to=batch.counted_to)
        self._counted_to = batch.counted_to
        if self._lone:
            return batch
        more = batch.has_more or any(o.follower.is_behind for o in self._followed.values())
        whole = self._positions()
        return batch._replace(position=whole, has_more=more, name=name, place=batch.position)

    def _raise_if_all_failed(self) -> None:
        is_any_open = any(one.follower.is_open for one in self._followed.values())
        if self._failure is not None and not is_any_open:
            raise self._failure

    def _positions(self) -> Positions:
        followed = self._followed.items()
        return Positions(by_name={name: one.place for name, one in followed if one.place})

    def _tell_lost(self, now: datetime) -> Batch:
        since, text = self._lost.popleft()
        position: Position = self._positions()
        if self._lone:
            place = self._followed[self._lone].place
            position = place.position if place else _NOWHERE
        return Batch(
            data=b"",
            position=position,
            counted_to=self._counted_to,
            gap=Gap(start=since, end=now, text=text),
            moved=True,
        )

    # Who is followed.

    def _go_on(self, position: Position) -> None:
        if isinstance(position, Positions):
            places: Mapping[str, Place] = position.by_name
        elif isinstance(position, LogPosition):
            places = self._owned(position)
        else:
            places = {}
            self._seen_until = self._counted_to
            self._lost.append((self._counted_to, "files are read now instead of the journal"))
        for name, place in places.items():
            if self._patterns.fit(name):
                self._follow(name, place)
        for name in self._patterns.paths:
            if name not in self._followed:
                self._follow(name, None)

    def _owned(self, position: LogPosition) -> Mapping[str, Place]:
        """A lone file's place, also where there are several now: whose it is its bytes say."""
        place = Place(position=position, counted_to=self._counted_to)
        names = self._patterns.present()
        owner = next((name for name in names if files.has_place(Path(name), position)), None)
        owner = owner or next(iter(names), None)
        return {} if owner is None else {owner: place}

    def _scan(self, now: datetime) -> bool:
        """Whether anybody joined or left."""
        self._scanned_at = now
        present = self._patterns.present()
        joined = [name for name in present if name not in self._followed]
        for name in joined:
            with suppress(Exchanged):  # looked at again next time
                self._join(name)
        self._seen_until = max(self._seen_until, now - DISORDER_MAX)
        return self._dismiss(frozenset(present), now) or bool(joined)

    def _join(self, name: str) -> None:
        if self._starts_at_end:
            self._add(name, Follower(Path(name), position=None, counted_to=self._counted_to))
        else:
            self._follow(name, self._came_back(name) or self._taken_over(name))

    def _follow(self, name: str, place: Place | None) -> None:
        """Without a place: from what was written since we last looked."""
        known = place or Place(position=_NOWHERE, counted_to=self._seen_until)
        follower = Follower(Path(name), position=known.position, counted_to=known.counted_to)
        self._add(name, follower)
        self._followed[name].place = place

    def _add(self, name: str, follower: Follower) -> None:
        self._followed[name] = _Followed(follower, may_leave=name not in self._patterns.paths)
        self._turns.append(name)
        self._watched = None

    def _came_back(self, name: str) -> Place | None:
        """Where it left, if what it was then is still about; else it is another log."""
        place = self._left.get(name)
        is_about = place is not None and files.is_about(Path(name), place.position)
        self._left.pop(name, None)
        return place if is_about else None

    def _taken_over(self, name: str) -> Place | None:
        """A file we know under another name goes on where that one stands."""
        known = {n: one.place for n, one in self._followed.items() if one.place} | self._left
        for other, place in known.items():
            if files.has_place(Path(name), place.position):
                if other in self._followed and not os.path.lexists(other):
                    self._drop(other)
                    del self._left[other]
                return place
        return None

    def _dismiss(self, present: frozenset[str], now: datetime) -> bool:
        """Who is gone for a while; a name told in the configuration never leaves."""
        leaving = []
        for name, one in self._followed.items():
            if not one.may_leave or name in present:
                one.gone_since = None
            elif one.gone_since is None:
                one.gone_since = now
            elif now - one.gone_since >= GONE_FOR:
                leaving.append(name)
        for name in leaving:
            one = self._followed[name]
            if one.place is not None and not one.follower.is_open:
                reason = f"{Path(name).name} is gone; its end was perhaps not read"
                self._lost.append((one.place.counted_to, reason))
            self._drop(name)
        return bool(leaving)

    def _drop(self, name: str) -> None:
        one = self._followed.pop(name)
        self._turns.remove(name)
        self._watched = None
        one.follower.close()
        if one.place is not None:
            self._left[name] = one.place
        while len(self._left) > LEFT_REMEMBERED_MAX:
            del self._left[next(iter(self._left))]
