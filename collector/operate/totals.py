"""Proves a node's totals: its logs are counted once more, and the two accounts are compared."""

from collections import Counter
from collections.abc import Iterable, Mapping

from collector.core.heartbeat import Cell, Recount
from collector.operate import overview
from collector.operate.audits import Audit
from collector.operate.desk import Desk
from collector.operate.moments import clock, moment
from collector.operate.overview import rows_of
from collector.ports import Refused, Row
from deliverability import receivers

CAPABILITY = "recount"
Key = tuple[str, str, str, str]  # address, receiver, instance, what
Counts = Mapping[Key, int]


async def audit(desk: Desk, node: str) -> Row:
    """What the journal holds of the node's present epoch, and what its logs say up to that place.
    Not `is_done`: the node counts still; ask again.

    Refused: NODE_UNKNOWN, RECOUNT_UNSUPPORTED, RECOUNT_IMPOSSIBLE, NOT_CONNECTED, RECOUNT_LATE.
    """
    row = await overview.one(desk, node)
    node_id, now = str(row["id"]), desk.clock.monotonic()
    under_way = desk.audits.find(node_id, now=now)
    if under_way is None or under_way.row["epoch"] != row["epoch"]:
        under_way = desk.audits.begin(node_id, _provable(row), now=now)
    held = under_way.row
    try:
        told = await desk.streams.recount(
            node_id,
            epoch=str(held["epoch"]),
            log_position=bytes.fromhex(str(held["log_position"])),
        )
    except Refused:
        desk.audits.end(node_id)
        raise
    if told.is_partial:
        return _so_far(under_way, told)
    desk.audits.end(node_id)
    return _compared(held, told)


def _provable(row: Row) -> Row:
    if CAPABILITY not in tuple(map(str, _names(row["capabilities"]))):
        text = f"the agent of {row['name']} ({row['agent_version'] or 'unknown'}) cannot count anew"
        raise Refused("RECOUNT_UNSUPPORTED", text, remedy="upgrade it: installer/install-agent.sh")
    if not row["log_position"]:
        raise Refused("RECOUNT_IMPOSSIBLE", f"{row['name']} has not counted anything yet")
    return row


def _so_far(under_way: Audit, told: Recount) -> Row:
    row, ratio = under_way.row, None
    under_way.counted_from = under_way.counted_from or told.counted_to
    if told.counted_to and under_way.counted_from and row["counted_to"]:
        whole = moment(row["counted_to"]) - under_way.counted_from
        ratio = (told.counted_to - under_way.counted_from) / whole if whole else None
    upto = f" up to {told.counted_to:%Y-%m-%d %H:%M:%SZ}" if told.counted_to else ""
    return _answer(row, told, is_done=False) | {
        "verdict": "counting",
        "ratio": None if ratio is None else min(1.0, max(0.0, ratio)),
        "text": f"{row['name']} counts: {told.lines} lines{upto}",
    }


def _compared(row: Row, told: Recount) -> Row:
    held, counted = _held(rows_of(row, "totals")), _counted(told.cells)
    if told.problem and not told.lines:
        raise Refused("RECOUNT_IMPOSSIBLE", f"{row['name']}: {told.problem}")
    differences = _differences(held, counted=counted)
    is_regrouped = bool(differences) and _is_regrouped(held, counted=counted)
    if is_regrouped:
        differences = []
    verdict = _verdict(told, differences)
    return _answer(row, told, is_done=True) | {
        "verdict": verdict,
        "journal": _by_name(held),
        "logs": _by_name(counted),
        "differences": differences,
        "is_proved": verdict == "proved",
        "text": _sentence(row, told, differences=differences, verdict=verdict)
        + (_REGROUPED if is_regrouped else ""),
    }


_REGROUPED = "; small receivers stand under `other` in one account and by name in the other"


def _answer(row: Row, told: Recount, *, is_done: bool) -> dict[str, object]:
    return {
        "node": row["name"],
        "epoch": row["epoch"],
        "counted_to": row["counted_to"],
        "is_done": is_done,
        "ratio": 1.0,
        "lines": told.lines,
        "bytes": told.bytes,
        "journal": {},
        "logs": {},
        "differences": [],
        "gaps": [
            {"from": begin.isoformat(), "to": end.isoformat(), "text": text}
            for begin, end, text in told.gaps
        ],
        "problem": told.problem,
        "is_proved": False,
    }


def _verdict(told: Recount, differences: list[Row]) -> str:
    """Where logs are gone the rest cannot give more than was counted of them all."""
    if not differences and not told.problem:
        return "proved"
    is_less = all(int(str(one["logs"])) <= int(str(one["journal"])) for one in differences)
    return "incomplete" if (told.gaps or told.problem) and is_less else "wrong"


def _sentence(row: Row, told: Recount, *, differences: list[Row], verdict: str) -> str:
    upto = f"{told.lines} lines up to {clock(row['counted_to'])}"
    if verdict == "proved":
        return f"proved: {upto} give exactly the totals held"
    if verdict == "wrong":
        return f"NOT proved: {upto} give {len(differences)} other counts than are held"
    lost = [f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}Z" for begin, end, _ in told.gaps]
    why = f"the log of {', '.join(lost)} is gone" if lost else told.problem
    return f"cannot be proved: {why}; the {told.lines} lines left give no count that is not held"


def _held(totals: Iterable[Row]) -> Counts:
    found: dict[Key, int] = {}
    for row in totals:
        key = (str(row["address"]), str(row["receiver"]), str(row["instance"]))
        attempts = row["attempts"]
        assert isinstance(attempts, Mapping), row
        for name, count in {**attempts, "rejected": row["rejected"]}.items():
            found[(*key, str(name))] = int(str(count))
    return found


def _counted(cells: Iterable[Cell]) -> Counts:
    found: dict[Key, int] = {}
    for cell in cells:
        key = (cell.address, cell.receiver, cell.instance)
        found[(*key, "rejected")] = cell.numbers.rejected
        for outcome, attempts in cell.attempts:
            found[(*key, outcome.value)] = attempts
    return found


def _differences(held: Counts, *, counted: Counts) -> list[Row]:
    return [
        {
            **dict(zip(("address", "receiver", "instance", "count"), key, strict=True)),
            "journal": held.get(key, 0),
            "logs": counted.get(key, 0),
        }
        for key in sorted(held.keys() | counted.keys())
        if held.get(key, 0) != counted.get(key, 0)
    ]


def _is_regrouped(held: Counts, *, counted: Counts) -> bool:
    """Whether only the order of the lines differs: who came first has a row of his own, and where
    several logs are read that is not the same twice. Then the sums over receivers agree."""
    has_other = any(key[1] == receivers.OTHER for key in held.keys() | counted.keys())
    return has_other and _over_receivers(held) == _over_receivers(counted)


def _over_receivers(counts: Counts) -> Counter[Key]:
    """Those that always have a row of their own, and all others as one."""
    sums: Counter[Key] = Counter()
    for (address, receiver, instance, name), count in counts.items():
        is_settled = receiver in receivers.KNOWN or receiver in receivers.RESERVED
        sums[address, receiver if is_settled else receivers.OTHER, instance, name] += count
    return +sums


def _by_name(counts: Counts) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (*_, name), count in counts.items():
        sums[name] = sums.get(name, 0) + count
    return {name: count for name, count in sorted(sums.items()) if count}


def _names(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()
