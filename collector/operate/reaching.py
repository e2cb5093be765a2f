"""The channels people are reached by: how they do, and a real test of one."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

import anyio

from collector.core.channels import ChannelState
from collector.core.model import Severity
from collector.core.notice import Notice, Occasion
from collector.operate.desk import Change, Desk, Wish, entry
from collector.ports import Refused
from collector.ports_notify import Channel, ChannelError

SECONDS_MAX = 30.0


async def channels(desk: Desk) -> list[dict[str, object]]:
    """Each configured channel: what waits, when it last delivered, what is wrong."""
    states = await desk.bureau.store.channel_states()
    return [
        {"name": name, "kind": channel.kind, **_state(states.get(name, ChannelState()))}
        for name, channel in desk.bureau.channels.items()
    ]


async def test(desk: Desk, name: str | None, *, wish: Wish) -> list[dict[str, object]]:
    """Sends a real notice through one channel or all, and says what came of each.

    Refused: CHANNEL_UNKNOWN.
    """
    known = desk.bureau.channels
    if name is not None and name not in known:
        there = ", ".join(known) or "none is configured"
        raise Refused("CHANNEL_UNKNOWN", f"no channel has the name {name}; there are: {there}")
    names = list(known) if name is None else [name]
    line = entry(desk, wish, change=Change(action="channels tested", subject=", ".join(names)))
    if names:
        await desk.store.add_audit(line)
    return [await _tested(desk, one, by=wish.actor.name) for one in names]


async def checked(desk: Desk) -> list[tuple[str, bool, str]]:
    """Name, whether it could be used now, and what it said; all at once, and tells nobody."""
    found: dict[str, tuple[bool, str]] = {}

    async def ask(name: str, channel: Channel) -> None:
        found[name] = await _asked(channel.check)

    async with anyio.create_task_group() as tasks:
        for name, channel in desk.bureau.channels.items():
            tasks.start_soon(ask, name, channel)
    return [(name, *found[name]) for name in desk.bureau.channels]


async def _tested(desk: Desk, name: str, *, by: str) -> dict[str, object]:
    channel, now = desk.bureau.channels[name], desk.clock.now()
    id_ = uuid4().hex[:12]
    notice = Notice(
        key=f"test:{id_}",
        thread=f"test.{id_}",
        incident=0,
        sequence=1,
        event=Occasion.TEST,
        cause="test",
        severity=Severity.LOW,
        was=None,
        is_critical=False,
        at=now,
        opened_at=now,
        title=f"TEST of the channel {name}: nothing happened",
        what=(f"{by} asked whether this channel works. It does, when you read this.",),
        can=("nothing needs to be done",),
    )
    began = desk.clock.monotonic()
    is_good, said = await _asked(lambda: channel.send(notice))
    took = round(desk.clock.monotonic() - began, 3)
    return {"name": name, "kind": channel.kind, "ok": is_good, "said": said, "seconds": took}


async def _asked(question: Callable[[], Awaitable[str]]) -> tuple[bool, str]:
    try:
        with anyio.fail_after(SECONDS_MAX):
            return True, await question()
    except ChannelError as error:
        return False, str(error)
    except TimeoutError:
        return False, f"no answer within {SECONDS_MAX:g} s"


def _state(state: ChannelState) -> Mapping[str, object]:
    return {
        "waiting": state.waiting,
        "sent_at": state.sent_at.isoformat() if state.sent_at else None,
        "failed_at": state.failed_at.isoformat() if state.failed_at else None,
        "failing_since": state.failing_since.isoformat() if state.failing_since else None,
        "problem": state.problem if state.failing_since or state.failed_at else "",
    }
