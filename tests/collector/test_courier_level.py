"""What still stands, told again and again to a channel that forgets, in today's words."""

from dataclasses import replace
from typing import Any

import anyio

from collector import courier as couriers
from collector.adapters.doorbell import Bell
from collector.adapters.store import SqlStore
from collector.core import notices
from collector.core.incident import IncidentDraft
from collector.core.judgement import Judgement
from collector.core.notice import Notice
from collector.courier import Courier, Ways
from collector.ports_notify import ChannelError
from tests.core.thread import Thread, listed
from tests.store_bed import START, HandClock


async def turn(courier: Courier) -> None:
    """Once, and every lane to its end."""
    async with anyio.create_task_group() as tasks:
        await courier.once(tasks)


async def alerts(journal: SqlStore) -> list[str]:
    return [str(row["text"]) for row in await journal.alerts(open_only=True, limit=9)]


class Level:
    """A channel that forgets, as Alertmanager does; keeps what it was told."""

    kind = "level"
    is_level = True

    def __init__(self) -> None:
        self.is_dead = False
        self.sent: list[str] = []
        self.said: list[str] = []
        self.repeated: list[list[str]] = []

    async def send(self, notice: Notice) -> str:
        self.sent.append(notice.key)
        return "200"

    async def refresh(self, notices: Any) -> None:
        if self.is_dead:
            raise ChannelError("not ready: 503", retryable=True)
        self.said = [line for one in notices for line in one.what]
        self.repeated.append([one.key for one in notices])

    async def check(self) -> str:
        return "ready"

    async def close(self) -> None:
        pass


def levelled(journal: SqlStore, clock: HandClock, level: Level) -> Courier:
    ways = Ways(channels={"am": level})
    return Courier(journal, ways=ways, clock=clock, term=lambda: 1, bell=Bell())


async def test_what_stands_is_repeated_to_who_forgets(journal: SqlStore, clock: HandClock) -> None:
    """Of an incident that is open, its newest notice; of one that is over, nothing."""
    thread, level = Thread(now=START), Level()
    courier = levelled(journal, clock, level)
    await journal.commit(_told(thread, clock, thread.opens(listed(1))))
    await turn(courier)
    assert level.sent == [thread.notices[0].key]
    assert level.repeated == [[thread.notices[0].key]]
    clock.move(60)
    await turn(courier)
    assert len(level.repeated) == 1
    clock.move(couriers.REFRESH_SECONDS)
    await turn(courier)
    assert level.repeated[1:] == [[thread.notices[0].key]]
    thread.now = clock.now()
    await journal.commit(_told(thread, clock, thread.ends(listed(1).key)))
    await turn(courier)
    assert level.sent == [one.key for one in thread.notices]
    assert level.repeated[-1] == []


def _told(thread: Any, clock: HandClock, told: list[Notice]) -> Judgement:
    return Judgement(
        at=clock.now(),
        term=1,
        incidents=tuple(IncidentDraft(incident=one) for one in thread.known.values()),
        notices=tuple(notices.effect(one) for one in told),
    )


async def test_a_channel_that_cannot_be_told_what_stands_is_an_alert(
    journal: SqlStore, clock: HandClock
) -> None:
    level = Level()
    courier, level.is_dead = levelled(journal, clock, level), True
    await turn(courier)
    clock.move(299)
    await courier.tend()
    assert await alerts(journal) == []
    clock.move(1)
    await courier.tend()
    assert await alerts(journal) == ["the channel am does not deliver: not ready: 503"]
    level.is_dead = False
    clock.move(300)
    await turn(courier)
    await courier.tend()
    assert await alerts(journal) == []


async def test_other_words_page_nobody_and_reach_who_is_told_again_and_again(
    journal: SqlStore, clock: HandClock
) -> None:
    thread, level = Thread(now=START), Level()
    courier, alert = levelled(journal, clock, level), listed(1)
    told = _told(thread, clock, thread.opens(alert))
    await journal.commit(replace(told, alerts_open=(alert,)))
    await turn(courier)
    thread.now = clock.now()
    changed = replace(alert, text=f"{alert.text}, and more")
    said = thread.opens(changed)
    assert said == []
    await journal.commit(replace(_told(thread, clock, said), alerts_open=(changed,)))
    clock.move(couriers.REFRESH_SECONDS)
    await turn(courier)
    assert len(level.sent) == 1
    assert level.said[0].startswith(changed.text)
