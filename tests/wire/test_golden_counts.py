"""The bytes of 0.2: counts by instance with their details, history, and a recount.

As in the other golden tests: the files never change, and are understood for ever.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import wire as agent_wire
from agent import wire_counts
from agent.model import Welcome
from collector.core import histograms
from collector.core.heartbeat import Heartbeat, Numbers, Recount
from collector.rpc import bounds
from collector.rpc import wire as collector_wire
from collector.rpc.wire import Arrival
from deliverability.delays import BUCKETS
from deliverability.replies import Outcome, ReplyClass
from protos import fleet_pb2 as pb
from tests.agent.samples import ADDRESS, NOW
from tests.agent.samples_counts import CELL, COUNTED, DELAYS, RECOUNT, RECOUNT_REQUEST

GOLDEN = Path(__file__).parent / "golden" / "0.2"
ARRIVAL = Arrival(node_id="node-1", at=NOW)


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_an_agent_writes_the_bytes_of_its_release() -> None:
    assert agent_wire.encode_heartbeat(COUNTED) == golden("heartbeat.bin")
    assert wire_counts.encode_recount(RECOUNT) == golden("recount.bin")


def test_a_collector_writes_the_bytes_of_its_release() -> None:
    written = collector_wire.encode_recount_request(7, "epoch-1", log_position=b"\x00position")
    assert written == golden("recount_request.bin")


def test_an_agent_understands_them() -> None:
    assert agent_wire.decode(golden("recount_request.bin")) == RECOUNT_REQUEST
    welcome = agent_wire.decode(golden("welcome.bin"))
    assert isinstance(welcome, Welcome)
    assert welcome.history_after == NOW - timedelta(hours=2)


def test_a_collector_understands_a_heartbeat() -> None:
    beat = collector_wire.decode(golden("heartbeat.bin"), ARRIVAL)
    assert isinstance(beat, Heartbeat)
    google, local = beat.cells
    assert (google.address, google.receiver, google.instance) == (ADDRESS, "google", "postfix-out")
    assert dict(google.attempts) == CELL.attempts
    assert google.numbers == Numbers(3, 98, 4, 1, 2, 4_711_000)
    assert google.detail is not None
    assert tuple(histograms.unpack(google.detail.delays).values()) == DELAYS
    assert dict(google.detail.classes) == {"mailbox_full": 1, "rate_limited": 4}
    assert (local.numbers.rejected, local.detail) == (9, None)
    (reply,), (minute,) = beat.replies, beat.history
    assert (reply.reply_class, reply.outcome) == ("rate_limited", Outcome.DEFERRED)
    assert reply.text == COUNTED.replies[0].text
    assert beat.intake == (("postfix", "203.0.113.9", 41),)
    assert (minute.at, dict(minute.attempts)) == (
        COUNTED.history[0].at,
        COUNTED.history[0].attempts,
    )


def test_a_collector_understands_a_recount() -> None:
    told = collector_wire.decode(golden("recount.bin"), ARRIVAL)
    assert isinstance(told, Recount)
    assert (told.number, told.lines, told.bytes, told.problem) == (7, 12_345, 1_234_567, "")
    assert told.gaps == RECOUNT.gaps
    assert dict(told.cells[0].attempts) == CELL.attempts


def test_an_agent_of_0_1_tells_no_details() -> None:
    old = (GOLDEN.parent / "0.1" / "heartbeat.bin").read_bytes()
    beat = collector_wire.decode(old, ARRIVAL)
    assert isinstance(beat, Heartbeat)
    (cell,) = beat.cells
    assert (cell.instance, cell.numbers, cell.detail) == ("", Numbers(), None)
    assert (beat.replies, beat.intake, beat.history, beat.senders) == ((), (), (), ())


@pytest.mark.parametrize("meant", ReplyClass)
def test_every_class_is_known(meant: ReplyClass) -> None:
    sent = agent_wire.encode_heartbeat(
        replace(COUNTED, replies=(replace(COUNTED.replies[0], reply_class=meant),))
    )
    beat = collector_wire.decode(sent, ARRIVAL)
    assert isinstance(beat, Heartbeat)
    assert beat.replies[0].reply_class == meant.value


CELL_WIRE: dict[str, Any] = {"address": ADDRESS, "receiver": "google"}
MEANT, DEFERRED = pb.REPLY_CLASS_POLICY, pb.OUTCOME_DEFERRED
REFUSED: dict[str, dict[str, object]] = {
    "an instance that is too long": {"cells": [pb.Cell(**CELL_WIRE, instance="x" * 65)]},
    "an instance with a newline": {"cells": [pb.Cell(**CELL_WIRE, instance="a\nb")]},
    "too many rejected": {"cells": [pb.Cell(**CELL_WIRE, rejected=2**41)]},
    "too many bytes": {"cells": [pb.Cell(**CELL_WIRE, bytes_sent=2**60)]},
    "a histogram too long": {
        "cells": [pb.Cell(**CELL_WIRE, detail=pb.CellDetail(total=[1] * (BUCKETS + 1)))]
    },
    "a count too great": {"cells": [pb.Cell(**CELL_WIRE, detail=pb.CellDetail(connect=[2**32]))]},
    "a class of no name": {
        "cells": [pb.Cell(**CELL_WIRE, detail=pb.CellDetail(classes=[pb.ClassCount(attempts=1)]))]
    },
    "a reply of nobody": {"replies": [pb.Reply(reply_class=MEANT, outcome=DEFERRED, at_ms=1)]},
    "replies without end": {
        "replies": [pb.Reply(receiver="x", reply_class=MEANT, outcome=DEFERRED, at_ms=1)]
        * (bounds.REPLIES_MAX + 1)
    },
    "clients without end": {"intake": [pb.Intake(client="x")] * (bounds.INTAKE_MAX + 1)},
    "a client without a name": {"intake": [pb.Intake(messages=1)]},
    "sending domains without end": {
        "senders": [pb.Sender(domain="a.example")] * (bounds.SENDERS_MAX + 1)
    },
    "a sender's whole address": {"senders": [pb.Sender(domain="a@shop.example")]},
    "a sending domain in capitals": {"senders": [pb.Sender(domain="Shop.example")]},
    "a sending domain without a dot": {"senders": [pb.Sender(domain="shop")]},
    "a sending domain without a name": {"senders": [pb.Sender(sent=1)]},
    "a sending domain that moves the cursor": {"senders": [pb.Sender(domain="\x1b[a.example")]},
    "too many of a sending domain": {
        "senders": [pb.Sender(domain="a.example", first_unknown=2**41)]
    },
    "minutes without end": {"history": [pb.HistoryMinute(minute=1)] * (bounds.MINUTES_MAX + 1)},
    "a minute after the end of time": {"history": [pb.HistoryMinute(minute=2**62)]},
    "unknown lines without end": {
        "unknown_lines": pb.UnknownLines(newest=["x"] * (bounds.UNKNOWN_LINES_MAX + 1))
    },
    "an unknown line that moves the cursor": {"unknown_lines": pb.UnknownLines(newest=["\x1b["])},
    "daemons without end": {
        "unknown_lines": pb.UnknownLines(
            daemons=[pb.DaemonLines(daemon="x")] * (bounds.DAEMONS_MAX + 1)
        )
    },
    "other hosts without end": {
        "unknown_lines": pb.UnknownLines(
            hosts=[pb.HostLines(host=f"h{n}") for n in range(bounds.HOSTS_MAX + 1)]
        )
    },
    "a daemon without a name": {"unknown_lines": pb.UnknownLines(daemons=[pb.DaemonLines()])},
    "an outcome twice in a minute": {
        "history": [pb.HistoryMinute(minute=9, outcomes=[pb.OutcomeCount(outcome=DEFERRED)] * 2)]
    },
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_node_may_say(body: dict[str, object]) -> None:
    heartbeat = pb.AgentMessage.FromString(golden("heartbeat.bin")).heartbeat
    for name in body:
        heartbeat.ClearField(name)  # type: ignore[arg-type]
    heartbeat.MergeFrom(pb.Heartbeat(**body))  # type: ignore[arg-type]
    message = pb.AgentMessage(heartbeat=heartbeat).SerializeToString()
    with pytest.raises(bounds.WireError):
        collector_wire.decode(message, ARRIVAL)
