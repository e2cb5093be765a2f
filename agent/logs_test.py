"""What the agent would count of some logs, without counting it: for `mailfleet-agent logs-test`.

Pure: reads no file and writes none. The readers and the judgements are the daemon's own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.maillog import parse, tally_names
from agent.maillog.lines import (
    Delivery,
    Expiry,
    Parsed,
    Rejected,
    Trouble,
    host_of,
    is_hop,
    is_nearby,
)
from agent.maillog.tally_names import Names
from deliverability import receivers, replies
from deliverability.replies import Outcome, ReplyClass

NAMES_MAX = 4096  # receivers told apart; the rest is `other`
UNKNOWN_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Judgement:
    """`counted`: an attempt at a receiver. Not so a probe, what was not even tried, and a hand-over
    to a content filter on this machine.
    """

    receiver: str
    reply_class: str
    counted: bool


@dataclass(slots=True)
class Totals:
    """Of all lines read so far."""

    lines: int = 0
    overlong: int = 0
    foreign: int = 0
    unparsed: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_class: Counter[str] = field(default_factory=Counter)
    by_receiver: Counter[str] = field(default_factory=Counter)
    by_daemon: Counter[str] = field(default_factory=Counter)
    by_host: Counter[str] = field(default_factory=Counter)
    counted: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    newest_unknown: tuple[bytes, ...] = ()

    @property
    def not_understood(self) -> int:
        return self.unparsed + sum(self.unknown.values()) + self.overlong


class Judge:
    """Remembers what it judged: most lines are like others."""

    def __init__(self) -> None:
        self._names = Names((), pipes_out=frozenset())
        self._receivers: dict[tuple[bytes, bytes], str] = {}

    def judge(self, event: Delivery) -> Judgement:
        outcome = replies.outcome_of(event.daemon, status=event.status, text=event.text)
        receiver = self._receiver(event)
        if outcome is None:
            return Judgement(receiver, "", counted=False)
        is_handed_over = is_hop(event) or (event.daemon == b"smtp" and is_nearby(event.relay))
        counted = outcome is not Outcome.OURS and not is_handed_over
        if outcome is Outcome.SENT:
            return Judgement(receiver, "", counted)
        meant = replies.classify(receiver=receiver, outcome=outcome, dsn=event.dsn, text=event.text)
        return Judgement(receiver, meant.value, counted)

    def _receiver(self, event: Delivery) -> str:
        key = (event.daemon, event.relay)
        name = self._receivers.get(key)
        if name is None:
            if len(self._receivers) >= NAMES_MAX:
                self._receivers.clear()
            name = self._receivers[key] = self._names.by_relay(event.daemon, relay=event.relay)
        return name or tally_names.by_domain(event.recipient)


def add(totals: Totals, block: bytes, *, overlong: int, judge: Judge) -> None:
    """Adds what stands in these lines; `overlong` ones more were left out."""
    parsed = parse.parse_chunk(block)
    overlong += parse.count_overlong(block)
    totals.lines += block.count(b"\n") + overlong
    totals.overlong += overlong
    totals.foreign += parsed.foreign
    totals.unparsed += parsed.unparsed
    for daemon, count in parsed.unknown.items():
        totals.unknown[text(daemon)] += count
    if parsed.newest_unknown:
        newest = (*totals.newest_unknown, *parsed.newest_unknown)
        totals.newest_unknown = newest[-UNKNOWN_SHOWN_MAX:]
    for event in parsed.events:
        if isinstance(event, Delivery):
            _add_delivery(totals, event, judge=judge)
        elif isinstance(event, Expiry):
            totals.by_status[Outcome.EXPIRED.value] += 1
            totals.by_class[ReplyClass.EXPIRED.value] += 1
            totals.by_receiver[receivers.UNKNOWN] += 1
            totals.by_daemon["qmgr"] += 1
            totals.counted += 1
        elif isinstance(event, Rejected):
            totals.messages["rejected"] += 1
        elif isinstance(event, Trouble):
            totals.trouble[text(event.level)] += 1
    _add_messages(totals, parsed)


def as_json(totals: Totals, *, names: Sequence[str], seconds: float) -> dict[str, object]:
    """`unparsed`: lines of Postfix that were not understood, of which `unparsed_share` of all."""
    return {
        "files": list(names),
        "lines": totals.lines,
        "deliveries": sum(totals.by_status.values()),
        "counted": totals.counted,
        "by_status": dict(totals.by_status.most_common()),
        "by_class": dict(totals.by_class.most_common()),
        "by_receiver": dict(totals.by_receiver.most_common()),
        "by_daemon": dict(totals.by_daemon.most_common()),
        "by_host": dict(totals.by_host.most_common()),
        "messages": dict(totals.messages.most_common()),
        "trouble": dict(totals.trouble.most_common()),
        "unparsed": totals.not_understood,
        "unparsed_share": totals.not_understood / totals.lines if totals.lines else 0.0,
        "unparsed_deliveries": totals.unparsed,
        "unknown_by_daemon": dict(totals.unknown.most_common()),
        "newest_unknown": [replies.redact(line) for line in totals.newest_unknown],
        "overlong": totals.overlong,
        "other_programs": totals.foreign,
        "seconds": round(seconds, 3),
        "lines_per_second": round(totals.lines / seconds) if seconds > 0 else 0,
    }


def text(value: bytes) -> str:
    """Whatever the log holds; bytes that are no UTF-8 as question marks."""
    return value.decode("utf-8", "replace")


def _add_delivery(totals: Totals, event: Delivery, *, judge: Judge) -> None:
    judged = judge.judge(event)
    totals.counted += judged.counted
    totals.by_status[text(event.status)] += 1
    totals.by_daemon[text(event.daemon)] += 1
    _add_host(totals, text(host_of(event.stamp)))
    if judged.reply_class:
        totals.by_class[judged.reply_class] += 1
    receiver = judged.receiver
    if receiver not in totals.by_receiver and len(totals.by_receiver) >= NAMES_MAX:
        receiver = receivers.OTHER
    totals.by_receiver[receiver] += 1


def _add_host(totals: Totals, host: str) -> None:
    if host not in totals.by_host and len(totals.by_host) >= NAMES_MAX:
        host = receivers.OTHER
    totals.by_host[host] += 1


def _add_messages(totals: Totals, parsed: Parsed) -> None:
    totals.messages["accepted"] += len(parsed.accepted)
    totals.messages["queued"] += len(parsed.queued) + len(parsed.shared)
    totals.messages["removed"] += sum(1 for _ in parsed.removed)
    totals.messages["probes"] += len(parsed.probes)
