"""A recount over the stream: asked, answered, refused, too late; and history after an outage."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.core.heartbeat import Recount
from collector.ports import Refused
from collector.rpc import questions
from protos import fleet_pb2 as pb
from tests.rpc_bed import bed
from tests.rpc_node import hello, milliseconds


def answer(number: int, **more: object) -> bytes:
    values: dict[str, object] = {"number": number, "epoch": "epoch-1", "lines": 12}
    recount = pb.Recount(**(values | more))  # type: ignore[arg-type]
    return pb.AgentMessage(recount=recount).SerializeToString()


async def test_a_question_finds_its_answer(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()
        asked = asyncio.ensure_future(
            collector.streams.recount(identity.node_id, epoch="epoch-1", log_position=b"there")
        )
        request = (await call.hear()).recount
        assert (request.epoch, request.log_position) == ("epoch-1", b"there")
        # Of another question, and then of this one; heartbeats go on meanwhile.
        await call.say(answer(request.number + 7, lines=1))
        await call.beat(1)
        await call.say(answer(request.number))
        assert (await asked).lines == 12
        await call.say(answer(request.number, lines=99))
        await call.beat(2)


async def test_how_far_it_is_and_whoever_asks_again_joins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "ASKED_SECONDS_MAX", 0.2)
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        await call.greet()

        async def ask(place: bytes) -> Recount:
            return await collector.streams.recount(
                identity.node_id, epoch="epoch-1", log_position=place
            )

        nothing = await ask(b"there")
        assert (nothing.is_partial, nothing.lines) == (True, 0)
        request = (await call.hear()).recount
        await call.say(answer(request.number, lines=5, is_partial=True, counted_to_ms=1_000))
        await call.beat(1)
        partial = await ask(b"there")
        assert (partial.is_partial, partial.lines) == (True, 5)
        assert partial.counted_to == datetime.fromtimestamp(1, UTC)
        await call.say(answer(request.number))
        await call.beat(2)
        whole = await ask(b"there")
        assert (whole.is_partial, whole.lines) == (False, 12)
        # Of another place it is another question.
        assert (await ask(b"there")).is_partial
        assert (await ask(b"elsewhere")).is_partial
        numbers = [(await call.hear()).recount.number for _ in range(2)]
        assert numbers == [request.number + 1, request.number + 2]


async def test_nobody_to_ask_and_nobody_who_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "SILENCE_SECONDS_MAX", 0.3)
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        with pytest.raises(Refused) as away:
            await collector.streams.recount(identity.node_id, epoch="e", log_position=b"x")
        assert away.value.code == "NOT_CONNECTED"
        call = collector.connect(identity)
        await call.greet()
        with pytest.raises(Refused) as late:
            await collector.streams.recount(identity.node_id, epoch="e", log_position=b"x")
        assert late.value.code == "RECOUNT_LATE"
        assert (await call.hear()).HasField("recount")


async def test_after_an_outage_a_node_is_asked_for_its_minutes(tmp_path: Path) -> None:
    async with bed(tmp_path) as collector:
        identity = await collector.enrol()
        call = collector.connect(identity)
        assert (await call.greet()).history_after_ms == 0
        await call.beat(1)
        heard = milliseconds(collector.clock.now())
        collector.clock.off += timedelta(seconds=90)
        again = collector.connect(identity)
        assert (await again.greet(**at(90))).history_after_ms == 0
        collector.clock.off += timedelta(hours=3)
        later = collector.connect(identity)
        assert abs((await later.greet(**at(90 + 3 * 3600))).history_after_ms - heard) < 5_000
        collector.clock.off += timedelta(days=3)
        last = collector.connect(identity)
        welcome = await last.greet(**at(90 + 3 * 3600 + 3 * 86_400))
        day = milliseconds(collector.clock.now()) - 86_400_000
        assert abs(welcome.history_after_ms - day) < 5_000


def at(seconds: int) -> dict[str, object]:
    """A Hello of that much later."""
    return {"sent_at_ms": hello().sent_at_ms + seconds * 1000}
