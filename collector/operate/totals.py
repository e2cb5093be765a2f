"""Proves a node's totals: its logs are counted once more, and the two accounts are compared."""

from collections.abc import Iterable, Mapping

from collector.core.heartbeat import Cell
from collector.operate import overview
from collector.operate.desk import Desk
from collector.operate.moments import clock
from collector.operate.overview import rows_of
from collector.ports import Refused, Row

CAPABILITY = "recount"
Counts = Mapping[tuple[str, str, str, str], int]


async def audit(desk: Desk, node: str) -> Row:
    """What the journal holds of the node's present epoch, and what its logs say up to that place.

    Refused: NODE_UNKNOWN, RECOUNT_UNSUPPORTED, RECOUNT_IMPOSSIBLE, NOT_CONNECTED, RECOUNT_LATE.
    """
    row = await overview.one(desk, node)
    if CAPABILITY not in tuple(map(str, _names(row["capabilities"]))):
        text = f"the agent of {row['name']} ({row['agent_version'] or 'unknown'}) cannot count anew"
        raise Refused("RECOUNT_UNSUPPORTED", text)
    place = bytes.fromhex(str(row["log_position"]))
    if not place:
        raise Refused("RECOUNT_IMPOSSIBLE", f"{row['name']} has not counted anything yet")
    told = await desk.streams.recount(str(row["id"]), epoch=str(row["epoch"]), log_position=place)
    if told.problem:
        raise Refused("RECOUNT_IMPOSSIBLE", f"{row['name']}: {told.problem}")
    held, counted = _held(rows_of(row, "totals")), _counted(told.cells)
    differences = _differences(held, counted=counted)
    return {
        "node": row["name"],
        "epoch": row["epoch"],
        "counted_to": row["counted_to"],
        "lines": told.lines,
        "bytes": told.bytes,
        "journal": _by_name(held),
        "logs": _by_name(counted),
        "differences": differences,
        "gaps": [
            {"from": begin.isoformat(), "to": end.isoformat(), "text": text}
            for begin, end, text in told.gaps
        ],
        "is_proved": not differences,
        "text": _sentence(row, differences, gaps=len(told.gaps), lines=told.lines),
    }


def _sentence(row: Row, differences: list[Row], *, gaps: int, lines: int) -> str:
    upto = f"{lines} lines up to {clock(row['counted_to'])}"
    if not differences:
        return f"proved: {upto} give exactly the totals held"
    why = f"; {gaps} stretches of log are not there any more" if gaps else ""
    return f"NOT proved: {upto} give {len(differences)} other counts than are held{why}"


def _held(totals: Iterable[Row]) -> Counts:
    found: dict[tuple[str, str, str, str], int] = {}
    for row in totals:
        key = (str(row["address"]), str(row["receiver"]), str(row["instance"]))
        attempts = row["attempts"]
        assert isinstance(attempts, Mapping), row
        for name, count in {**attempts, "rejected": row["rejected"]}.items():
            found[(*key, str(name))] = int(str(count))
    return found


def _counted(cells: Iterable[Cell]) -> Counts:
    found: dict[tuple[str, str, str, str], int] = {}
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


def _by_name(counts: Counts) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (*_, name), count in counts.items():
        sums[name] = sums.get(name, 0) + count
    return {name: count for name, count in sorted(sums.items()) if count}


def _names(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()
