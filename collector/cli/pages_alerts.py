"""How incidents and silences look. Draws; asks nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from collector.cli.api import Json
from collector.cli.moments import ago, short
from collector.cli.output import COLOURS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

TITLE_COLUMNS = 12
ALERTS_SHOWN = 20
MATCHERS = ("cause", "zone", "node", "pool", "address")


def state(one: Json) -> str:
    """Open, or why nobody is reminded; and what of it is silenced."""
    said = str(one["state"])
    if said == "acknowledged":
        said = f"seen by {one['acknowledged_by']}"
    if 0 < one["silenced"] < one["standing"]:
        said += f", {one['silenced']} silenced"
    return said


def matchers(one: Json) -> str:
    return ", ".join(f"{name} {one[name]}" for name in MATCHERS if one[name])


def incident(answer: Json) -> "RenderableType":
    """The headline, then a chapter after the other, its title on the left."""
    from rich.console import Group
    from rich.text import Text

    colour = COLOURS.get(answer["severity"], "") if answer["resolved_at"] is None else "green"
    head = f"incident {answer['number']}, {answer['severity']}: {answer['text']}"
    lines = [Text(head, style=f"bold {colour}".strip())]
    for title, said in _chapters(answer):
        for index, line in enumerate(said):
            lines.append(_line(title if index == 0 else "", line=line))
    return Group(*lines)


def _line(title: str, *, line: str) -> "Text":
    from rich.text import Text

    return Text().append(f"  {title:<{TITLE_COLUMNS}}", style="cyan").append(line)


def _chapters(answer: Json) -> Iterator[tuple[str, list[str]]]:
    yield "state", list(_state(answer))
    yield "alerts", list(_alerts(answer["alerts"]))
    newest = answer["sent"][-1]["notice"] if answer["sent"] else None
    if newest:
        for field, title in (("did", "done"), ("coming", "comes next"), ("evidence", "evidence")):
            yield title, list(newest[field])
    yield "told", [_sent(one) for one in answer["sent"]] or ["nobody yet"]
    if newest and answer["resolved_at"] is None:
        yield "you can", list(newest["can"])


def _state(answer: Json) -> Iterator[str]:
    over = answer["resolved_at"]
    until = f"until {short(over)}" if over else f"for {ago(answer['opened_at'])}"
    again = f", opened {answer['reopened'] + 1} times" if answer["reopened"] else ""
    yield f"{state(answer)}, since {short(answer['opened_at'])}, {until}{again}"
    if answer["acknowledged_by"]:
        why = f": {answer['acknowledged_why']}" if answer["acknowledged_why"] else ""
        yield f"seen by {answer['acknowledged_by']}, {short(answer['acknowledged_at'])}{why}"


def _alerts(alerts: list[Json]) -> Iterator[str]:
    for one in alerts[:ALERTS_SHOWN]:
        over = f", over {short(one['resolved_at'])}" if one["resolved_at"] else ""
        quiet = f", silenced by {one['silenced_by']}" if one["silenced_by"] else ""
        yield f"{one['severity']}  {one['text']} (since {short(one['opened_at'])}{over}{quiet})"
    if len(alerts) > ALERTS_SHOWN:
        yield f"and {len(alerts) - ALERTS_SHOWN} more: mailfleet alert show … -o json"


def _sent(one: Json) -> str:
    ways = ", ".join(f"{way['channel']} {_outcome(way)}" for way in one["deliveries"])
    return f"{short(one['at'])}  {one['notice']['title']}  [{ways or 'no channel wanted it'}]"


def _outcome(way: Json) -> str:
    tried = f" ({way['problem']}, tried {way['attempts']} times)" if way["problem"] else ""
    return f"{way['outcome']}{tried if way['outcome'] != 'sent' else ''}"
