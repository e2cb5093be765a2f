"""The policy as operators read and change it: values with bounds, revisions, and the way back.

Every change is a new revision with who, when and why; nothing is ever overwritten.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from collector.core import policy_change, policy_values, policy_words
from collector.core.policy import BOUNDS, Policy
from collector.core.policy_change import Unfit
from collector.operate.desk import Change, Desk, Done, Wish, entry
from collector.operate.overview import row_of
from collector.ports import Refused, Row

HISTORY_MAX = 1000


async def show(desk: Desk) -> dict[str, object]:
    """The revision in force, and every value of it."""
    policy = desk.policy()
    (row,) = await desk.store.policies(revision=policy.revision, limit=1)
    named = {name: row[name] for name in ("revision", "at", "made_by", "note")}
    return {**named, "items": [_item(policy, name) for name in policy_words.DOES]}


def _item(policy: Policy, name: str) -> dict[str, object]:
    least, most = BOUNDS.get(name, (None, None))
    value, default = policy_change.said(policy, name), policy_change.said(Policy(), name)
    return {
        "name": name,
        "value": value,
        "number": policy_values.of(policy)[name],
        "default": default,
        "is_default": value == default,
        "least": least,
        "most": most,
        "unit": policy_words.unit(name),
        "does": policy_words.DOES[name],
    }


async def change(desk: Desk, words: Mapping[str, str], *, wish: Wish) -> Done:
    """Sets these values. Refused: POLICY_UNFIT, with every sentence that speaks against it."""
    before = desk.policy()
    return await _adopt(desk, tried(before, words), action="policy set", wish=wish)


def tried(policy: Policy, words: Mapping[str, str]) -> Policy:
    """With these values. Refused: POLICY_UNFIT."""
    try:
        return policy_change.changed(policy, words)
    except Unfit as unfit:
        raise Refused("POLICY_UNFIT", "; ".join(unfit.problems)) from unfit


async def rollback(desk: Desk, revision: int, *, wish: Wish) -> Done:
    """The values of an earlier revision as a new one. Refused: REVISION_UNKNOWN, POLICY_UNFIT."""
    row = next(iter(await desk.store.policies(revision=revision, limit=1)), None)
    if row is None:
        raise Refused("REVISION_UNKNOWN", f"the policy has no revision {revision}")
    after = made(row)
    wrong = policy_change.problems(after)
    if wrong:
        # Bounds may have been narrowed since.
        raise Refused("POLICY_UNFIT", f"revision {revision}: {'; '.join(wrong)}")
    return await _adopt(desk, after, action=f"policy rollback to {revision}", wish=wish)


async def history(desk: Desk, *, limit: int) -> list[Row]:
    """Newest first, each with what it changed."""
    rows = await desk.store.policies(limit=limit + 1)
    olders: Sequence[Row | None] = [*rows[1:], None]
    told = [_told(row, older) for row, older in zip(rows, olders, strict=True)]
    return told[:limit]


def _told(row: Row, older: Row | None) -> Row:
    changed = policy_change.differences(before=made(older), after=made(row)) if older else {}
    named = {name: row[name] for name in ("revision", "at", "made_by", "note")}
    return {**named, "changes": _changes(changed)}


def made(row: Row) -> Policy:
    """The policy of a revision's row."""
    return policy_values.made(cast(Mapping[str, policy_values.Plain], row_of(row, "values")))


def _changes(found: Mapping[str, tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "before": a, "after": b} for name, (a, b) in found.items()]


async def _adopt(desk: Desk, after: Policy, *, action: str, wish: Wish) -> Done:
    before = desk.policy()
    found = policy_change.differences(before=before, after=after)
    if not found:
        text = f"revision {before.revision} says the same: nothing to change"
        return Done(text=text, changed=False, dry_run=wish.dry_run, details=_details(before, {}))
    await _check_brakes(desk, before=before, after=after)
    told = ", ".join(f"{name} {a} → {b}" for name, (a, b) in found.items())
    if wish.dry_run:
        details = _details(before, found)
        return Done(text=f"would be: {told}", changed=False, dry_run=True, details=details)
    audited = Change(
        action=action,
        subject="policy",
        before={name: a for name, (a, _) in found.items()},
        after={name: b for name, (_, b) in found.items()},
    )
    now = await desk.governor.adopt(after, entry(desk, wish, change=audited))
    return Done(
        text=f"policy revision {now.revision}: {told}",
        changed=True,
        dry_run=False,
        details=_details(now, found),
    )


async def _check_brakes(desk: Desk, *, before: Policy, after: Policy) -> None:
    """A shorter round makes older listings of a wave no part of it: a brake that holds them would
    let go of a whole fleet at once. Refused: BRAKE_HOLDS."""
    held = await desk.store.held_zones()
    if not held or after.sweep_critical >= before.sweep_critical:
        return
    raise Refused(
        "BRAKE_HOLDS",
        f"the zone brake holds {', '.join(held)}: a shorter sweep_critical would let go of it",
        remedy="wait until the brake lets go (mailfleet status), then set it",
    )


def _details(policy: Policy, found: Mapping[str, tuple[str, str]]) -> dict[str, object]:
    return {"revision": policy.revision, "changes": _changes(found)}
