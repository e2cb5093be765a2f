"""When the log is looked at: at once for more, a moment after the bell rang, and now and then."""

import os
import time
from datetime import timedelta

import anyio
import pytest

from agent.maillog import pace
from agent.maillog.news import News

SETTLES = pace.SETTLES.total_seconds()


class Script:
    """A log whose looks find these things one after another; then it is over. `rings`: at once."""

    def __init__(
        self, *finds: News, rings: bool = True, is_deaf: bool = False, is_late: bool = False
    ) -> None:
        self._finds = [*finds]
        self.times: list[float] = []
        self._ours, self._theirs = os.pipe()
        self._is_deaf = is_deaf
        self.is_late = is_late
        self.asked = 0
        if rings:
            os.write(self._theirs, b"!")

    def look(self) -> News:
        self.times.append(time.monotonic())
        if not self._finds:
            raise EOFError
        return self._finds.pop(0)

    def descriptor(self) -> int:
        self.asked += 1
        return -1 if self._is_deaf else self._ours

    def hush(self) -> None:
        """It rings on."""

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def pauses(self) -> list[float]:
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


async def followed(script: Script) -> Script:
    try:
        with pytest.raises(EOFError):
            await pace.follow(script.look, script)
    finally:
        script.close()
    return script


async def test_more_is_had_at_once() -> None:
    script = await followed(Script(*[News.MORE] * 20))
    assert sum(script.pauses) < SETTLES
    assert script.asked == 0


async def test_however_often_it_rings_looks_keep_apart() -> None:
    script = await followed(Script(News.SOME, News.SOME, News.NOTHING, News.SOME))
    assert len(script.times) == 5
    assert all(pause >= SETTLES * 0.9 for pause in script.pauses)
    assert sum(script.pauses) < 8 * SETTLES


async def test_a_burst_in_a_stream_is_had_at_once() -> None:
    script = await followed(Script(News.SOME, News.SOME, News.MORE, News.MORE))
    assert sum(script.pauses[2:]) < SETTLES


async def test_without_being_called_it_looks_now_and_then() -> None:
    script = await followed(Script(News.SOME, rings=False))
    assert script.pauses == [pytest.approx(pace.LOOK_EVERY.total_seconds(), rel=0.4)]


async def test_where_nothing_happens_it_looks_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LOOK_EVERY", timedelta(milliseconds=30))
    monkeypatch.setattr(pace, "REST_EVERY", timedelta(milliseconds=300))
    finds = [News.NOTHING] * (pace.LOOKS_IN_VAIN + 1) + [News.SOME]
    script = await followed(Script(*finds, rings=False))
    is_rest = [pause > 0.25 for pause in script.pauses]
    assert is_rest == [False] * (pace.LOOKS_IN_VAIN - 1) + [True] * 2 + [False]


async def test_where_nothing_can_ring_it_looks_often() -> None:
    script = await followed(Script(News.NOTHING, News.NOTHING, is_deaf=True))
    assert all(SETTLES * 0.9 <= pause < pace.LOOK_EVERY.total_seconds() for pause in script.pauses)


async def test_a_bell_that_rings_late_is_waited_for_only_where_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "LATE_LOOKS_IN_VAIN", 3)
    finds = [News.NOTHING] * 2 + [News.SOME] + [News.NOTHING] * 3 + [News.SOME]
    script = await followed(Script(*finds, is_late=True))
    *before, rung, after = script.pauses
    assert all(SETTLES * 0.9 <= pause < pace.LOOK_EVERY.total_seconds() for pause in before)
    assert rung < SETTLES
    assert after >= SETTLES * 0.9
    assert script.asked == 1


async def test_when_it_is_cancelled_it_looks_no_more() -> None:
    script = Script(*[News.SOME] * 100)
    with anyio.move_on_after(2.5 * SETTLES):
        await pace.follow(script.look, script)
    looked = len(script.times)
    await anyio.sleep(2 * SETTLES)
    assert len(script.times) == looked
    script.close()


class Moving(Script):
    """After each look it rings by another descriptor; of the same number, or of another one."""

    is_other_number = False

    def look(self) -> News:
        found = super().look()
        before = os.dup(self._ours) if self.is_other_number else -1
        self.close()
        self._ours, self._theirs = os.pipe()
        os.write(self._theirs, b"!")
        if before >= 0:
            os.close(before)
        return found


@pytest.mark.parametrize("is_other_number", [False, True])
async def test_whatever_is_listened_to_is_heard(is_other_number: bool) -> None:
    script = Moving(*[News.SOME] * 3)
    script.is_other_number = is_other_number
    await followed(script)
    assert all(pause < pace.LOOK_EVERY.total_seconds() / 2 for pause in script.pauses)
