"""What mailfleet did about an alert, or would have done, or was kept from: in one sentence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from collector.core import causes
from collector.core.causes import Facets
from collector.core.incident import Incident, Place
from collector.core.model import (
    AlertFact,
    Brake,
    Decision,
    Fate,
    Kind,
    NodeFacts,
    Reason,
    Standing,
    StandingKey,
)
from collector.core.policy import Policy

UNTOLD = "nothing by itself: this one is for people"

DONE: Mapping[Kind, tuple[str, str]] = {
    Kind.PAUSE: ("paused", "pause"),
    Kind.RESUME: ("resumed", "resume"),
    Kind.REMOVE: ("taken out of the rotation", "take out of the rotation"),
    Kind.ADMIT: ("back in the rotation", "put back in the rotation"),
    Kind.WARM: ("set to warm up", "begin the warm-up of"),
    Kind.ADVANCE: ("a warm-up stage further", "advance the warm-up of"),
    Kind.HOLD: ("held at its warm-up stage", "hold the warm-up of"),
    Kind.STEP_BACK: ("put back in its warm-up", "step back the warm-up of"),
}
assert DONE.keys() == set(Kind)


class Undone(NamedTuple):
    """A decision that stands, and what kept it from being carried out."""

    key: StandingKey
    fate: Fate
    brake: Brake | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a pass saw and decided, for whoever tells people. `before`: alerts as they stood. By
    node: what was decided of it; and decisions of before, in a fixed order, that stand without
    having been carried out, or that a person said no to."""

    before: Mapping[str, AlertFact]
    places: Mapping[str, Place]
    nodes: Mapping[str, NodeFacts]
    decisions: Mapping[str, Sequence[Decision]]
    undone: Mapping[str, Sequence[Undone]]
    policy: Policy
    now: datetime


def decided(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """By node, in their order."""
    found: dict[str, list[Decision]] = {}
    for one in decisions:
        found.setdefault(one.proposal.subject.node_id, []).append(one)
    return found


def undone_of(
    standing: Mapping[StandingKey, Standing], denials: Iterable[StandingKey]
) -> dict[str, list[Undone]]:
    """By node."""
    kept = [
        Undone(key, one.fate, one.brake)
        for key, one in standing.items()
        if one.fate is not Fate.MADE
    ]
    kept += [Undone(key, Fate.OVERRIDDEN, None) for key in denials]
    found: dict[str, list[Undone]] = {}
    for one in sorted(kept, key=str):
        found.setdefault(one.key.node_id, []).append(one)
    return found


def about(said: Facets, node_id: str | None, *, scene: Scene) -> Iterator[Decision]:
    """Decisions of this pass on the alert's subject; one about a zone only of that zone."""
    reasons = causes.known(said.cause).reasons
    for decision in scene.decisions.get(node_id or "", ()):
        proposal = decision.proposal
        is_mine = said.address is None or proposal.subject.address in (None, said.address)
        is_of_zone = None in (said.zone, proposal.zone) or said.zone == proposal.zone
        if is_mine and is_of_zone and proposal.reason.value in reasons:
            yield decision


def did(alert: AlertFact, incident: Incident, *, scene: Scene) -> str:
    """Decided just now; or standing; or what was said before."""
    said = causes.facets(alert.key)
    now = [_decided(one) for one in about(said, alert.node_id, scene=scene)]
    if now:
        return "; ".join(now)
    facts = scene.nodes.get(alert.node_id or "")
    if facts is not None:
        whys = causes.known(said.cause).reasons
        held = [one for one in facts.pauses if said.address and one.covers(said.address)]
        for reason in sorted({one.reason.value for one in held}):
            if reason in whys:
                return f"{said.address} is paused ({reason})"
        standing = _standing(facts.id, said, scene)
        if standing:
            return standing
    known = incident.told.get(alert.key)
    return known.did if known and known.did else UNTOLD


def _standing(node_id: str, said: Facets, scene: Scene) -> str:
    """A decision of before that still stands without having been carried out, or a person's no."""
    for (_, ip, kind, reason, _), fate, held_by in scene.undone.get(node_id, ()):
        is_mine = said.address is None or ip in (None, said.address)
        if is_mine and reason.value in causes.known(said.cause).reasons:
            brake = held_by.value if held_by else ""
            return _fate(kind, reason, fate=fate, brake=brake, whom=ip or "the node")
    return ""


def _decided(decision: Decision) -> str:
    proposal = decision.proposal
    return _fate(
        proposal.kind,
        proposal.reason,
        fate=decision.fate,
        brake=decision.brake.value if decision.brake else "",
        whom=proposal.subject.address or "the node",
    )


def _fate(kind: Kind, reason: Reason, *, fate: Fate, brake: str, whom: str) -> str:
    done, act = DONE[kind]
    if fate is Fate.MADE:
        return f"{whom} is {done} ({reason.value})"
    if fate is Fate.WOULD:
        return f"only observed: would {act} {whom} ({reason.value})"
    if fate is Fate.WITHHELD:
        return f"{whom} not {done} ({reason.value}): withheld by the {brake}"
    return f"{whom} sends all the same: a person overrode {reason.value}"


def undone(key: str, *, scene: Scene) -> str:
    """What followed the end of an alert."""
    alert = scene.before.get(key)
    said = causes.facets(key)
    now = [_decided(one) for one in about(said, alert.node_id, scene=scene)] if alert else []
    place = scene.places.get(said.subject)
    return "; ".join(now) or f"over: {place.node if place else said.subject}"
