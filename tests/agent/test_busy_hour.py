"""An hour of a busy node: every line counted, and what its heartbeats weigh on the wire."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent import wire
from agent.host.machine import Machine
from agent.host.services import Services
from agent.maillog import parse, unknown
from agent.maillog.position import LogPosition
from agent.maillog.tally import Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from agent.maillog.unknown import UnknownLines
from agent.model import Ack, PostfixReading, QueueReading, SenderCount
from agent.pulse import Pulse, Sources
from agent.state import State
from deliverability.replies import Outcome
from demo import grammar
from demo.grammar import Attempt, Form, Message, Voice
from tests.agent.samples import ADDRESS, HEARTBEAT, NOW, OBSERVED, ZONE

HEARTBEATS = 120
A_HEARTBEAT = timedelta(seconds=30)
MESSAGES = 300  # in each: 600 a minute
LOST_EVERY = 13  # acknowledgements
# The greatest first, as it is with mail: the k-th has 1/k of the first's.
RELAYS = (
    *("aspmx.l.google.com", "acme.mail.protection.outlook.com", "mta7.am0.yahoodns.net"),
    *("mx00.gmx.net", "mx1.mail.icloud.com", "mx1.comcast.net", "mx00.t-online.de"),
    *(f"mx.firm{number}.example" for number in range(40)),
)
SENDERS = [f"bounce@mail{number}.client{number}.example" for number in range(60)]
WEIGHTS = [1 / place for place in range(1, len(RELAYS) + 1)]
SENDER_WEIGHTS = [1 / place for place in range(1, len(SENDERS) + 1)]
REPLIES = (
    ("bounced", "5.1.1", "host x said: 550 5.1.1 <{to}>: Recipient address rejected (#{n})"),
    ("deferred", "4.7.0", "host x said: 421 4.7.0 Try again later, closing connection {n}"),
    ("deferred", "4.2.2", "host x said: 452 4.2.2 <{to}>: The mailbox is over quota {n}"),
)


STRANGE = b"Nov 22 09:00:00 mx1 postfix/qmgr[7]: 4F2: %d of a new kind " + b"x" * 300 + b"\n"


def hour_of_lines(some: random.Random, beat: int) -> bytes:
    voice = Voice(form=Form.RFC3164)
    lines = []
    for number in range(MESSAGES):
        at = NOW + beat * A_HEARTBEAT + number * A_HEARTBEAT / MESSAGES
        message = Message(
            queue_id=grammar.queue_id(at, number),
            sender=some.choices(SENDERS, SENDER_WEIGHTS)[0],
            message_id="m@shop",
        )
        lines.append(grammar.qmgr_active(voice, at, message=message))
        relay = some.choices(RELAYS, WEIGHTS)[0] + "[203.0.113.7]:25"
        to = f"u{some.randrange(10**6)}@customer.example"
        status, dsn, text = ("sent", "2.0.0", "250 2.0.0 OK")
        if some.random() < 0.08:
            status, dsn, words = some.choice(REPLIES)
            text = words.format(to=to, n=number)
        attempt = Attempt(recipient=to, relay=relay, status=status)
        line = grammar.delivery(voice, at, message=message, attempt=attempt)
        head, _, _ = line.partition(b" delay=")
        delays = "/".join(f"{some.lognormvariate(-2, 2):.2f}" for _ in range(4))
        lines.append(
            head + f" delay=1, delays={delays}, dsn={dsn}, status={status} ({text})\n".encode()
        )
    return b"".join(lines)


async def no_queue() -> QueueReading:
    return QueueReading(active=40, incoming=2, deferred=300, hold=0, maildrop=0)


async def test_a_busy_hours_heartbeats_weigh_four_kilobytes_at_most(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.db", now=NOW)
    state.start_counting(position=LogPosition(), counted_from=NOW)
    state.record_round([ZONE])
    sources = Sources(
        machine=Machine(tmp_path),
        services=Services(()),
        queue=no_queue,
        postfix=lambda: PostfixReading(observed=OBSERVED),
        agent=lambda: HEARTBEAT.agent,
    )
    pulse = Pulse(state, sources)
    tally = Tally(Whose(ADDRESS), state.known(), clock=LineClock(NOW + timedelta(hours=2)))
    some = random.Random(11)
    sizes, with_detail, said = [], set(), set()
    senders: dict[str, SenderCount] = {}
    strange = UnknownLines(by_daemon={f"daemon{number}": number for number in range(20)})
    for beat in range(HEARTBEATS):
        now = NOW + beat * A_HEARTBEAT
        tally.fold(parse.parse_chunk(hour_of_lines(some, beat)))
        strange = unknown.added(
            strange, parse.parse_chunk(STRANGE % beat * 7), lines=9 * MESSAGES, overlong=0
        )
        counted = replace(tally.counted(), unknown_lines=strange)
        state.count(position=LogPosition(), counted_to=now, counted=counted)
        tally.committed()
        sent = pulse.number(await pulse.gather(), now=now)
        sizes.append(len(wire.encode_heartbeat(sent)))
        if beat % LOST_EVERY:
            with_detail |= {cell.key for cell in sent.cells if cell.delays}
            said |= {(reply.receiver, reply.reply_class) for reply in sent.replies}
            senders |= {one.domain: one for one in sent.senders}
            pulse.acknowledged(Ack(epoch=sent.epoch, sequence=sent.sequence, events_upto=9**15))
    cells = state.cells()
    assert sum(sum(cell.attempts.values()) for cell in cells) == HEARTBEATS * MESSAGES
    assert sum(cell.attempts.get(Outcome.BOUNCED, 0) for cell in cells) > 500
    assert with_detail == {cell.key for cell in cells}, "every cell's details had their turn"
    assert {(one.receiver, one.reply_class) for one in state.replies_changed_since(-1)} == said
    assert len(senders) == len(SENDERS)
    assert sum(one.sent + one.deferred + one.bounced for one in senders.values()) > 33_000
    sizes.sort()
    assert sizes[len(sizes) * 99 // 100] <= 4096, sizes[-5:]
    pulse.tell_all()
    whole = pulse.number(await pulse.gather(), now=NOW)
    assert {one.domain: one for one in whole.senders} == {
        one.domain: one for one in state.senders_changed_since(-1)
    }
    assert sum(one.first_sent for one in whole.senders) == sum(c.first_sent for c in cells)
    assert list(whole.cells) == sorted(cells, key=lambda cell: cell.key.receiver)
    state.close()
