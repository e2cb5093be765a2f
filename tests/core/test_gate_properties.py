"""Whatever is asked of the gate, in whatever fleet: what must never come out of it."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core import brake_table, safety, zonebrake
from collector.core.model import (
    Automation,
    Brake,
    Decision,
    Detector,
    Fate,
    Kind,
    NodeFacts,
    Proposal,
    Reason,
    Snapshot,
    Subject,
)
from collector.core.safety import covered
from tests.core import fleet
from tests.core.fleet import NOON, POLICY, ZEN

NODES = 12
KINDS = (Kind.PAUSE, Kind.REMOVE, Kind.RESUME, Kind.ADMIT)
# What no floor and no velocity may stop.
CERTAIN = frozenset(
    {Reason.OPERATOR, Reason.SERVICE_DOWN, Reason.DISK_FULL, Reason.STANDING_ORDER}
    | {Reason.RESTORED}
)


def node(number: int, *, in_rotation: bool, was_in: bool) -> NodeFacts:
    since = fleet.ago(hours=1) if was_in else None
    address = fleet.address(f"198.51.100.{number}", in_rotation=in_rotation, rotation_since=since)
    return fleet.node(f"n{number:02}", address)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    inside = draw(st.lists(st.booleans(), min_size=NODES, max_size=NODES))
    before = draw(st.booleans())
    nodes = tuple(node(i, in_rotation=one, was_in=before) for i, one in enumerate(inside))
    members = sum(inside)
    pool = replace(
        fleet.pool(
            addresses=NODES,
            in_rotation=members,
            baseline=draw(st.integers(members, 3 * NODES)),
            automation=draw(st.sampled_from(Automation)),
        ),
        removed_lately=draw(st.integers(0, 2)),
        admitted_lately=draw(st.integers(0, 2)),
    )
    frozen = Detector(frozen=draw(st.booleans()), healthy_since=None)
    return fleet.snapshot(
        *nodes,
        pools=pool,
        detector=frozen,
        automation_stopped=draw(st.booleans()),
        in_startup_grace=draw(st.booleans()),
        nodes=NODES,
        heard=draw(st.integers(0, NODES)),
    )


@st.composite
def proposals(draw: st.DrawFn) -> tuple[Proposal, ...]:
    made = []
    for number in draw(st.lists(st.integers(0, NODES - 1), max_size=2 * NODES)):
        kind = draw(st.sampled_from(KINDS))
        reason = Reason.SILENCE if kind is Kind.REMOVE else draw(st.sampled_from(Reason))
        ip = f"198.51.100.{number}" if draw(st.booleans()) else None
        made.append(
            Proposal(
                kind=kind,
                subject=Subject(node_id=f"n{number:02}", address=ip, pool_id="p1"),
                reason=reason,
                rule="",
                evidence={"pauses": []},
                zone=draw(st.sampled_from((None, ZEN))),
                is_critical=kind is Kind.PAUSE and reason is Reason.LISTED and draw(st.booleans()),
            )
        )
    return tuple(made)


def gated(asked: tuple[Proposal, ...], seen: Snapshot, held: int) -> tuple[Decision, ...]:
    brakes = zonebrake.held({ZEN: held}, seen.fleet, policy=POLICY, now=NOON)
    return safety.gate(asked, seen, brakes=brakes, policy=POLICY, now=NOON)


def members(seen: Snapshot, decision: Decision) -> set[str]:
    """Addresses of the rotation that a decision takes out."""
    subject = decision.proposal.subject
    (one,) = (node for node in seen.nodes if node.id == subject.node_id)
    return {address.ip for address in covered(one, subject) if address.in_rotation}


@settings(max_examples=80, deadline=None)
@given(proposals(), snapshots(), st.sampled_from((0, 99)))
def test_what_must_hold_of_every_batch(
    asked: tuple[Proposal, ...], seen: Snapshot, held: int
) -> None:
    decisions = gated(asked, seen, held)
    made = [one for one in decisions if one.fate is Fate.MADE]
    pool = seen.fleet.pools["p1"]
    for one in decisions:
        # A brake withholds and nothing else does; only the table's brakes are asked.
        assert (one.brake is not None) is (one.fate is Fate.WITHHELD)
        row = brake_table.BRAKES[brake_table.row_of(one.proposal)]
        assert one.brake in (None, Brake.STOPPED, *row)
    if seen.fleet.automation_stopped:
        assert all(brake_table.is_so_already(one.proposal) for one in made)
    if pool.automation is Automation.OBSERVE:
        kinds = {one.proposal.kind for one in made if not brake_table.is_so_already(one.proposal)}
        assert kinds <= {Kind.ADMIT, Kind.RESUME}
    left: set[str] = set()
    for one in made:
        if one.proposal.kind not in (Kind.PAUSE, Kind.REMOVE):
            continue
        out = members(seen, one)
        is_braked = not one.proposal.is_critical and one.proposal.reason not in CERTAIN
        braked_row = Brake.FLOOR in brake_table.BRAKES[brake_table.row_of(one.proposal)]
        if is_braked and braked_row and out - left:
            # The floor stands under it, but for a pool's first; and not many go at once.
            present = pool.in_rotation - len(left)
            assert present >= pool.baseline or present - 1 >= safety.floor(pool, POLICY)
            assert pool.removed_lately + len(left) < max(1, int(0.05 * pool.baseline))
        left |= out
    back = [
        one
        for one in made
        if one.proposal.kind is Kind.ADMIT
        and any(
            brake_table.is_return(address) and not address.in_rotation
            for facts in seen.nodes
            if facts.id == one.proposal.subject.node_id
            for address in facts.addresses
        )
    ]
    names = {one.proposal.subject.node_id for one in back}
    assert len(names) <= max(0, max(1, int(0.10 * pool.baseline)) - pool.admitted_lately)


@settings(max_examples=30, deadline=None)
@given(proposals(), snapshots(), st.sampled_from((0, 99)))
def test_the_same_batch_is_gated_the_same_and_in_any_order_of_its_like(
    asked: tuple[Proposal, ...], seen: Snapshot, held: int
) -> None:
    assert gated(asked, seen, held) == gated(asked, seen, held)
    urgent = [one for one in gated(asked, seen, held) if one.proposal.is_critical]
    brakes = {one.brake for one in urgent}
    assert brakes <= {None, Brake.ZONE, Brake.STOPPED}
