"""When the log is looked at: at once, a little apart while lines come, else when the bell rings."""

import time
from datetime import timedelta

import anyio
import pytest

from agent.maillog import pace
from agent.maillog.found import Found


class Script:
    """A log whose looks find these things one after another; then it is over."""

    def __init__(self, *finds: Found) -> None:
        self._finds = [*finds]
        self.times: list[float] = []
        self.rings = 0

    def look(self) -> Found:
        self.times.append(time.monotonic())
        if not self._finds:
            raise EOFError
        return self._finds.pop(0)

    async def wait(self, at_most: timedelta) -> bool:
        assert timedelta(0) < at_most <= pace.LOOK_EVERY
        self.rings += 1
        return True

    @property
    def pauses(self) -> list[float]:
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


APART = pace.LOOKS_APART.total_seconds()


async def test_more_is_had_at_once() -> None:
    script = Script(*[Found.MORE] * 20)
    with pytest.raises(EOFError):
        await pace.follow(script.look, script)
    assert sum(script.pauses) < APART
    assert script.rings == 0


async def test_while_lines_come_the_bell_is_not_asked() -> None:
    script = Script(Found.SOME, Found.SOME, Found.SOME, Found.NOTHING, Found.SOME)
    with pytest.raises(EOFError):
        await pace.follow(script.look, script)
    assert len(script.times) == 6
    assert all(pause >= APART * 0.9 for pause in script.pauses)
    assert script.rings == 1


async def test_a_burst_in_a_stream_is_had_at_once() -> None:
    script = Script(Found.SOME, Found.SOME, Found.MORE, Found.MORE)
    with pytest.raises(EOFError):
        await pace.follow(script.look, script)
    assert sum(script.pauses[2:]) < APART


async def test_when_it_is_cancelled_it_looks_no_more() -> None:
    script = Script(*[Found.SOME] * 100)
    with anyio.move_on_after(2.5 * APART):
        await pace.follow(script.look, script)
    looked = len(script.times)
    await anyio.sleep(2 * APART)
    assert len(script.times) == looked
