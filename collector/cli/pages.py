"""How the answers of status, why and events look. Draws; asks nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from collector.cli.moments import ago, short
from collector.cli.output import COLOURS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

from collector.cli.api import Json

TITLE_COLUMNS = 13
SEVERITIES = {"high": "red", "medium": "yellow", "low": "", "info": ""}


def status(answer: Json) -> "RenderableType":
    """The fleet in one line; hurting now; held; recovered; needs you."""
    from rich.console import Group

    return Group(
        _fleet(answer),
        *_hurting(answer),
        *_held(answer["held"]),
        *_recovered(answer["recovered"]),
        *_needs(answer["needs_you"]),
    )


def why(answer: Json) -> "RenderableType":
    """The headline, then a chapter after the other, its title on the left."""
    from rich.console import Group
    from rich.text import Text

    colour = "green" if answer["sends"] else "yellow"
    lines = [Text(answer["headline"], style=f"bold {colour}")]
    for chapter in answer["chapters"]:
        for index, said in enumerate(chapter["lines"]):
            title = chapter["title"] if index == 0 else ""
            lines.append(Text().append(f"  {title:<{TITLE_COLUMNS}}", style="cyan").append(said))
    return Group(*lines)


def event(item: Json) -> str:
    """One line: when, what kind, how grave, the text."""
    import click

    colour = SEVERITIES.get(item["severity"]) or None
    grave = click.style(f"{item['severity']:<6}", fg=colour)
    text = _about(item["node"], item["text"]) + _answer(item["details"])
    return f"{short(item['at'])}  {item['kind']:<8}  {grave}  {text}"


def stale(shown: "RenderableType", what: str) -> "RenderableType":
    """The last answer, under a line that says it is old."""
    from rich.console import Group
    from rich.text import Text

    return Group(Text(f"{what}; this was the last answer:", style="bold red"), shown)


def _fleet(answer: Json) -> "Text":
    from rich.text import Text

    fleet = answer["fleet"]
    line = Text().append(f"{_count(fleet['nodes'], 'node')}: ", style="bold")
    if not fleet["nodes"]:
        return line.append("none has joined yet; mailfleet node token")
    for index, (name, number) in enumerate(fleet["statuses"].items()):
        line.append(", " if index else "")
        line.append(f"{number} {name}", style=COLOURS.get(name, ""))
    line.append(f"; {fleet['in_rotation']} of {_count(fleet['addresses'], 'address')} in rotation")
    observing = [name for name, value in fleet["pools"].items() if value == "observe"]
    if observing:
        line.append(f"; only observing: {', '.join(observing)}", style="yellow")
    if answer["startup_grace"] and fleet["unheard"]:
        line.append(f"; just started, {fleet['unheard']} not heard yet", style="yellow")
    return line


def _hurting(answer: Json) -> Iterator["RenderableType"]:
    if not answer["hurting"]:
        yield _title("hurting now", rest="nothing")
        return
    yield _title("hurting now")
    for one in answer["hurting"]:
        who = f"{one['address']}  {one['node']}  pool {one['pool']}"
        yield _line(f"{one['symptom']}, for {ago(one['since'])}", left=who, style="red")
        yield _line(one["evidence"])
        yield _line(f"done: {one['did']}")
        yield _line(f"you can: {'; '.join(one['can'])}", style="dim")
    if answer["hurting_more"]:
        yield _line(f"and {answer['hurting_more']} more: mailfleet node ls")


def _held(items: list[Json]) -> Iterator["RenderableType"]:
    if items:
        yield _title("held by people")
    for one in items:
        whom = f"{one['node']} {one['address'] or ''}".rstrip()
        yield _line(f"by {one['by']}, {ago(one['since'])} ago: {one['reason']}", left=whom)


def _recovered(items: list[Json]) -> Iterator["RenderableType"]:
    yield _title("recovered in 24 h", rest="" if items else "nothing")
    for one in items:
        yield _line(f"{_about(one['node'], one['text'])}; ended {ago(one['until'])} ago")


def _needs(items: list[Json]) -> Iterator["RenderableType"]:
    yield _title("needs you", rest="" if items else "nothing")
    for one in items:
        yield _line(one["text"], left="!", style=SEVERITIES[one["severity"]])
        yield _line(one["fix"], style="dim")


def _about(node: str | None, text: str) -> str:
    """Names the node, unless the text does."""
    return text if node is None or node in text else f"{node}: {text}"


def _answer(details: Json) -> str:
    """What a node's zone said, when the event is about one."""
    zone = details.get("zone")
    if not isinstance(zone, dict):
        return ""
    said = f": {zone['zone']} says {zone['verdict']} {' '.join(zone['answers'])}".rstrip()
    return f"{said} ({zone['why']})" if zone["why"] else said


def _title(text: str, *, rest: str = "") -> "Text":
    from rich.text import Text

    return Text().append(f"{text}: ", style="bold").append(rest)


def _line(right: str, *, left: str = "", style: str = "") -> "Text":
    from rich.text import Text

    return Text("  ").append(f"{left}  " if left else "    ").append(right, style=style)


def _count(number: int, noun: str) -> str:
    plural = {"node": "nodes", "address": "addresses"}[noun]
    return f"{number} {noun if number == 1 else plural}"
