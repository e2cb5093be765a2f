"""`audit totals`: what is proved, what cannot be, what is wrong; and how far it is meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.core.heartbeat import Cell, Recount
from collector.core.model import Order
from collector.operate import totals
from collector.operate.audits import AUDITS_MAX, Audits
from collector.ports import Refused, Row
from deliverability.replies import Outcome
from tests import collector_bed
from tests.collector_bed import Bed
from tests.store_bed import hello

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GAP = (AT.replace(hour=3), AT.replace(hour=5), "mail.log.2 is gone")
NODE: Row = {"name": "mta-1", "epoch": "e", "counted_to": AT.isoformat()}
LEFT = "the logs that are left do not reach that place"


def held(**sent: int) -> Row:
    rows = [
        {
            "address": "192.0.2.1",
            "receiver": receiver,
            "instance": "postfix",
            "attempts": {"sent": count},
            "rejected": 0,
        }
        for receiver, count in sent.items()
    ]
    return {**NODE, "totals": rows}


def told(*, gaps: int = 0, problem: str = "", **sent: int) -> Recount:
    cells = tuple(
        Cell(
            address="192.0.2.1",
            receiver=receiver,
            attempts=((Outcome.SENT, count),),
            instance="postfix",
        )
        for receiver, count in sent.items()
    )
    return Recount(
        number=1,
        epoch="e",
        cells=cells,
        lines=10,
        bytes=900,
        gaps=(GAP,) * gaps,
        problem=problem,
    )


@pytest.mark.parametrize(
    "journal, logs, verdict, words",
    [
        (held(google=7), told(google=7), "proved", "proved: 10 lines up to 2026-11-22 09:00:00Z"),
        (held(google=7), told(google=7, gaps=1), "proved", "proved"),
        (held(google=7), told(google=5, gaps=1), "incomplete", "2026-11-22 03:00 to 2026-11-22 05"),
        (held(google=7), told(google=5, problem=LEFT), "incomplete", LEFT),
        (held(google=7), told(google=7, problem=LEFT), "incomplete", LEFT),
        (held(google=7), told(google=5), "wrong", "NOT proved: 10 lines"),
        (held(google=7), told(google=8, gaps=1), "wrong", "1 other counts"),
        (held(google=7, a=2, other=1), told(google=7, b=2, other=1), "proved", "`other`"),
        (held(google=7, a=2, other=1), told(google=6, b=3, other=1), "wrong", "NOT proved"),
        (held(google=7, a=2), told(google=7, b=2), "wrong", "2 other counts"),
    ],
)
def test_the_verdict(journal: Row, logs: Recount, verdict: str, words: str) -> None:
    found = totals._compared(journal, logs)
    assert found["verdict"] == verdict
    assert words in str(found["text"])
    assert found["is_proved"] is (verdict == "proved")
    assert found["is_done"]


def test_nothing_counted_at_all_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        totals._compared(held(google=1), replace(told(problem="begun by 0.1"), lines=0))
    assert refused.value.code == "RECOUNT_IMPOSSIBLE"


def test_what_is_under_way_is_bounded_and_forgotten() -> None:
    audits = Audits()
    for number in range(AUDITS_MAX + 1):
        audits.begin(str(number), NODE, now=0.0)
    assert audits.find("0", now=1.0) is None
    assert audits.find("1", now=50.0) is not None
    assert audits.find("1", now=100.0) is not None, "asked for not long ago"
    assert audits.find("2", now=100.0) is None
    audits.end("1")
    assert audits.find("1", now=101.0) is None


@dataclass
class Script:
    """Streams of a node that answers by script, one answer an asking."""

    answers: list[Recount]
    asked: list[bytes] = field(default_factory=list)

    async def recount(self, node_id: str, *, epoch: str, log_position: bytes) -> Recount:
        self.asked.append(log_position)
        return self.answers.pop(0)

    def send(self, node_id: str, order: Order) -> bool:
        return False

    def close(self, node_id: str, *, code: str, text: str) -> None:
        """Nothing to close."""

    def connected(self) -> frozenset[str]:
        return frozenset()


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with collector_bed.running(tmp_path) as running:
        await running.join("mta-1")
        yield running


async def hear(bed: Bed, sent: int) -> None:
    """One more heartbeat, with so many sent up to a place of its own."""
    node = bed.nodes["mta-1"]
    node.sequence += 1
    beat = await bed._heartbeat(node)
    (cell,) = beat.cells
    place = f"after {sent}".encode()
    counted = replace(cell, attempts=((Outcome.SENT, sent),))
    at = AT + timedelta(seconds=sent)
    beat = replace(beat, cells=(counted,), log_position=place, counted_to=at)
    await bed.parts.intake.heartbeat(beat)


async def test_the_totals_are_those_of_when_it_began(bed: Bed) -> None:
    """They grow while the node counts: what is compared is of one moment."""
    node = bed.nodes["mta-1"]
    with pytest.raises(Refused) as refused:
        await totals.audit(bed.parts.desk, "mta-1")
    assert refused.value.code == "RECOUNT_UNSUPPORTED"
    said = {"node_id": node.id, "epoch": "epoch-1", "capabilities": ("recount",)}
    await bed.parts.store.record_hello(hello(1, **said))
    await hear(bed, 100)
    counted = Cell(
        address=node.address, receiver="gmail.com", attempts=((Outcome.SENT, 100),), instance=""
    )
    answer = replace(told(), cells=(counted,), counted_to=AT + timedelta(seconds=100))
    far = [
        replace(answer, is_partial=True, cells=(), counted_to=AT + timedelta(seconds=second))
        for second in (0, 50)
    ]
    script = Script([*far, answer, answer])
    desk = replace(bed.parts.desk, streams=script)
    first = await totals.audit(desk, "mta-1")
    assert (first["is_done"], first["verdict"], first["ratio"]) == (False, "counting", 0.0)
    await hear(bed, 120)
    second = await totals.audit(desk, "mta-1")
    assert (second["ratio"], second["text"]) == (
        0.5,
        "mta-1 counts: 10 lines up to 2026-11-22 09:00:50Z",
    )
    proof = await totals.audit(desk, "mta-1")
    assert (proof["verdict"], proof["journal"]) == ("proved", {"sent": 100})
    later = await totals.audit(desk, "mta-1")
    assert (later["verdict"], later["journal"]) == ("wrong", {"sent": 120})
    assert script.asked == [b"after 100"] * 3 + [b"after 120"]
