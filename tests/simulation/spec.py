"""A plan as one line of JSON, so that what was cut down is played again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from collector.core.model import Automation
from tests.simulation.link import PoolPlan
from tests.simulation.plan import KINDS, Mishap, Plan


class SpecError(Exception):
    """The text is no plan; says where."""


def to_text(plan: Plan) -> str:
    """What is as usual is left out."""
    pools = [_said(asdict(pool), PoolPlan()) for pool in plan.pools]
    plain = Mishap(kind="", at=-1.0)
    mishaps = [_said(asdict(one), plain) for one in plan.mishaps]
    said = {"seed": plan.seed, "lasts": plan.lasts, "pools": pools, "mishaps": mishaps}
    return json.dumps(said, default=lambda value: value.value)


def from_text(text: str) -> Plan:
    """SpecError: what is wrong with it."""
    try:
        said = json.loads(text)
        pools = tuple(map(_pool, said["pools"]))
        mishaps = tuple(map(_mishap, said["mishaps"]))
        plan = Plan(seed=said["seed"], pools=pools, mishaps=mishaps, lasts=float(said["lasts"]))
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"no plan: {error!r}") from error
    for one in mishaps:
        if strangers := set(one.nodes) - {*plan.nodes, "collector"}:
            raise SpecError(f"{one.kind}: nobody is called {', '.join(sorted(strangers))}")
        if one.kind not in KINDS:
            raise SpecError(f"no mishap is called {one.kind!r}; there are {', '.join(KINDS)}")
    return plan


def _said(values: Mapping[str, object], usual: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value != getattr(usual, name)}


def _pool(said: Mapping[str, Any]) -> PoolPlan:
    words = dict(said)
    if "automation" in words:
        words["automation"] = Automation(words["automation"])
    return PoolPlan(**{**words, "zones": tuple(words.get("zones", PoolPlan().zones))})


def _mishap(said: Mapping[str, Any]) -> Mishap:
    known = {item.name for item in fields(Mishap)}
    if strange := said.keys() - known:
        raise SpecError(f"a mishap knows no {', '.join(sorted(strange))}")
    return Mishap(**{**said, "nodes": tuple(said.get("nodes", ()))})
