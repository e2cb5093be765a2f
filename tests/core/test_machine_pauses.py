"""Pauses of a whole node for its service and its disk, of an address for its DNS."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import machine
from collector.core.judgement import Judgement
from collector.core.model import Brake, Fate, Kind, NodeFacts, Pause, Reason, Snapshot
from collector.core.readings import DnsFact, DnsState, HostFacts, ServiceFact
from deliverability.catalogue import Catalogue
from tests.core import fleet, looked
from tests.core.fleet import NOON, POLICY, judged

UP, DOWN, UNSAID = "running", "stopped", "unknown"


def service(state: str, *, seconds: float = 60, name: str = "postfix") -> ServiceFact:
    return ServiceFact(name=name, state=state, since=fleet.ago(seconds=seconds))


def said(judgement: Judgement) -> list[tuple[Kind, Reason, Fate]]:
    return [(d.proposal.kind, d.proposal.reason, d.fate) for d in judgement.decisions]


def node(*pauses: Pause, **rest: object) -> NodeFacts:
    return fleet.node("n1", pauses=pauses, **rest)


def whole(reason: Reason) -> Pause:
    return fleet.pause(reason, ip=None)


@pytest.mark.parametrize(
    ("services", "pauses"),
    [
        ((service(DOWN),), True),
        ((service(DOWN, seconds=29),), False),
        ((service(UNSAID),), False),
        ((service(UP),), False),
        ((), False),
        ((service(DOWN, name="dovecot.service"),), False),
        ((service(UP), service(DOWN, name="postfix@-.service")), True),
    ],
    ids=["down", "not for long", "unknown", "up", "nothing said", "another", "one of two"],
)
def test_a_node_whose_smtp_service_is_down(
    services: tuple[ServiceFact, ...], *, pauses: bool
) -> None:
    judgement = judged(fleet.snapshot(node(services=services)))
    assert said(judgement) == ([(Kind.PAUSE, Reason.SERVICE_DOWN, Fate.MADE)] if pauses else [])
    assert [order.node_pauses for _, order in judgement.orders] == [
        ("SERVICE_DOWN",) if pauses else ()
    ]


@pytest.mark.parametrize(
    ("services", "ends"),
    [
        ((service(UP, seconds=1),), True),
        ((service(DOWN),), False),
        ((service(UNSAID),), False),
        ((service(UP), service(UNSAID, name="postfix@-.service")), False),
        ((), False),
    ],
)
def test_it_comes_back_when_all_of_it_runs(
    services: tuple[ServiceFact, ...], *, ends: bool
) -> None:
    judgement = judged(fleet.snapshot(node(whole(Reason.SERVICE_DOWN), services=services)))
    assert bool(judgement.pauses_close) is ends


@pytest.mark.parametrize(
    ("ratio", "opens", "ends"),
    [
        (0.96, True, False),
        (0.95, True, False),
        (0.94, False, False),
        (0.90, False, False),
        (0.89, False, True),
        (None, False, False),
    ],
)
def test_a_full_disk(ratio: float | None, *, opens: bool, ends: bool) -> None:
    full = node(host=HostFacts(disk_ratio=ratio))
    assert bool(judged(fleet.snapshot(full)).pauses_open) is opens
    paused = replace(full, pauses=(whole(Reason.DISK_FULL),))
    assert bool(judged(fleet.snapshot(paused)).pauses_close) is ends
    silent = replace(paused, host=None)
    assert judged(fleet.snapshot(silent)).pauses_close == ()


def test_no_brake_holds_what_a_node_knows_for_certain() -> None:
    low = fleet.pool(in_rotation=1)
    full = node(host=HostFacts(disk_ratio=0.99))
    assert said(judged(fleet.snapshot(full, pools=low))) == [
        (Kind.PAUSE, Reason.DISK_FULL, Fate.MADE)
    ]


def record(
    state: DnsState, *, minutes: float = 20, essential: bool = True, name: str = "PTR"
) -> DnsFact:
    return DnsFact(
        record=name,
        name="mx1.example.net",
        state=state,
        since=fleet.ago(minutes=minutes),
        is_essential=essential,
        why="names no address of ours",
    )


def named(*records: DnsFact, pauses: tuple[Pause, ...] = ()) -> Snapshot:
    return fleet.snapshot(fleet.node("n1", fleet.address(dns=records), pauses=pauses))


@pytest.mark.parametrize(
    ("records", "opens", "ends"),
    [
        ((record(DnsState.BROKEN),), True, False),
        ((record(DnsState.BROKEN, minutes=9),), False, False),
        ((record(DnsState.BROKEN, essential=False),), False, False),
        ((record(DnsState.UNKNOWN),), False, False),
        ((record(DnsState.VALID),), False, True),
        ((record(DnsState.VALID), record(DnsState.UNKNOWN, name="A")), False, False),
        ((), False, False),
    ],
)
def test_broken_dns(records: tuple[DnsFact, ...], *, opens: bool, ends: bool) -> None:
    judgement = judged(named(*records))
    assert said(judgement) == ([(Kind.PAUSE, Reason.DNS_BROKEN, Fate.MADE)] if opens else [])
    held = judged(named(*records, pauses=(fleet.pause(Reason.DNS_BROKEN),)))
    assert bool(held.pauses_close) is ends


def test_the_floor_stands_under_broken_dns() -> None:
    seen = replace(named(record(DnsState.BROKEN)))
    low = replace(seen.fleet, pools={"p1": fleet.pool(in_rotation=6)})
    (decision,) = judged(replace(seen, fleet=low)).decisions
    assert decision.brake is Brake.FLOOR


def test_what_has_not_lasted_long_is_looked_at_when_it_has() -> None:
    young = node(services=(service(DOWN, seconds=10),))
    at = looked.next_look(young, POLICY, catalogue=Catalogue(), now=NOON)
    assert at == NOON + timedelta(seconds=20)
    other = node(services=(service(DOWN, name="dovecot.service", seconds=10),))
    assert looked.next_look(other, POLICY, catalogue=Catalogue(), now=NOON) is None
    (shaky,) = named(record(DnsState.BROKEN, minutes=4)).nodes
    at = looked.next_look(shaky, POLICY, catalogue=Catalogue(), now=NOON)
    assert at == NOON + timedelta(minutes=6)
    (valid,) = named(record(DnsState.VALID)).nodes
    for settled in (node(services=(service(DOWN), service(UP))), valid):
        assert looked.next_look(settled, POLICY, catalogue=Catalogue(), now=NOON) is None


def test_what_a_heartbeat_says_of_the_machine() -> None:
    assert machine.is_smtp_down([("redis", DOWN), ("postfix@-.service", DOWN)])
    assert not machine.is_smtp_down([("redis", DOWN), ("postfix", UP)])
    assert machine.fullest((1, 4), (3, 4), (9, 0)) == 0.75
    assert machine.fullest((9, 0)) is None
