"""One delivery line in full, as an object for people's scripts. Counts nothing."""

import math
import re

from agent.logs_test import Judge, text
from agent.maillog import parse, parse_delivery
from agent.maillog.lines import Delivery, Expiry, host_of, relay_of
from agent.maillog.times import LineClock, time_within
from deliverability import receivers
from deliverability.replies import ReplyClass

_PROCESS = re.compile(rb"\[(\d+)\]: ")


def event_of(line: bytes, *, judge: Judge, clock: LineClock) -> dict[str, object] | None:
    """Of a delivery line, or of a message that expired; None of any other line.

    What a line does not say is null. `counted`: in a receiver's totals.
    """
    parsed = parse.parse_chunk(line + b"\n")
    for event in (*parsed.events, *parsed.probes):
        if isinstance(event, (Delivery, Expiry)):
            at = time_within(event.stamp, clock)
            line = parse.plain(line)
            body = line.find(event.queue_id + b": ", len(event.stamp))
            process = _PROCESS.search(line, len(event.stamp), body)
            return {
                "time": at.isoformat() if at is not None else None,
                "host": text(host_of(event.stamp)),
                "instance": text(event.instance),
                "daemon": text(event.daemon) if isinstance(event, Delivery) else "qmgr",
                "pid": int(process[1]) if process is not None else None,
                "queue_id": text(event.queue_id),
                **(
                    _attempt(event, line[body:], judge)
                    if isinstance(event, Delivery)
                    else _expiry(event)
                ),
            }
    return None


def _attempt(event: Delivery, body: bytes, judge: Judge) -> dict[str, object]:
    original = parse_delivery.pairs(body.partition(b": ")[2]).get(b"orig_to")
    relay = relay_of(event.relay)
    judged = judge.judge(event)
    return {
        "to": text(event.recipient),
        "orig_to": None if original is None else text(parse_delivery.unbracketed(original)),
        "relay_host": text(relay.host),
        "relay_ip": text(relay.address) if relay.address and b"/" not in relay.address else None,
        "relay_port": relay.port,
        "delay": _seconds(event.delay),
        "delays": [_seconds(part) for part in event.delays.split(b"/")] if event.delays else None,
        "dsn": text(event.dsn),
        "status": text(event.status),
        "reply": text(event.text),
        "class": judged.reply_class or None,
        "receiver": judged.receiver,
        "counted": judged.counted,
    }


def _expiry(event: Expiry) -> dict[str, object]:
    return {
        **dict.fromkeys(("to", "orig_to", "relay_host", "relay_ip", "relay_port")),
        **dict.fromkeys(("delay", "delays", "dsn")),
        "status": text(event.status),
        "reply": None,
        "class": ReplyClass.EXPIRED.value,
        "receiver": receivers.UNKNOWN,
        "counted": True,
    }


def _seconds(text: bytes) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
