"""The inputs of a decision as one bounded line of JSON, and what goes first when they are too long.

Words go first: they change what is shown, not what is decided. Then the node's other addresses,
then what is past the first few of anything, then the node. Whatever went is named, so that a replay
says that it cannot be sure instead of being wrong.
"""

import json
from collections.abc import Callable
from typing import Any

from collector.core import plain
from collector.core.inputs import Inputs

VERSION = 1
BYTES_MAX = 8192
WORDS_MAX = 40  # characters left of a text when texts have to go; an id has 36, an address 39
FEW = 4  # left of any list when lists have to go


def to_text(inputs: Inputs) -> str:
    """At most BYTES_MAX in UTF-8."""
    said = plain.write(inputs)
    text = _text(said)
    for name, cut in CUTS:
        if len(text) <= BYTES_MAX:
            break
        said = cut(said)
        said["cut"] = [*said.get("cut", ()), name]
        text = _text(said)
    assert len(text) <= BYTES_MAX, len(text)
    return text


def from_text(text: str, *, strange: set[str]) -> Inputs:
    """PlainError when no version we know wrote it, or when it lacks what this one needs.

    `strange` gains the facts it holds that this version does not know.
    """
    try:
        whole = json.loads(text)
        version, said = whole["version"], whole["inputs"]
    except (ValueError, KeyError, TypeError) as error:
        raise plain.PlainError(f"no inputs: {error!r}") from error
    if version != VERSION:
        raise plain.PlainError(f"inputs are written in version {version}; we read {VERSION}")
    return plain.read(Inputs, said, strange=strange)


def _text(said: object) -> str:
    """ASCII, so that characters are bytes."""
    return json.dumps({"version": VERSION, "inputs": said}, separators=(",", ":"))


def _shorter_words(said: Any) -> Any:
    if isinstance(said, str):
        return said if len(said) <= WORDS_MAX else said[:WORDS_MAX]
    return _within(said, _shorter_words)


def _without_other_addresses(said: dict[str, Any]) -> dict[str, Any]:
    """Of a decision about the whole node every address is its subject: the first one stays."""
    address, snapshot = said["subject"]["address"], said["snapshot"]
    nodes = [
        {
            **node,
            "addresses": [a for a in node["addresses"] if address in (None, a["ip"])][:1],
        }
        for node in snapshot["nodes"]
    ]
    return {**said, "snapshot": {**snapshot, "nodes": nodes}}


def _first_few(said: Any) -> Any:
    return _within(said[:FEW] if isinstance(said, list) else said, _first_few)


def _without_node(said: dict[str, Any]) -> dict[str, Any]:
    """Whom, what, when; and that nothing else is left."""
    fleet = {"addresses": 0, "pools": {}, "open_listings": {}, "detector": _NO_DETECTOR}
    snapshot = {"nodes": [], "fleet": fleet, "term": said["snapshot"]["term"]}
    kept = {name: said[name] for name in ("subject", "kind", "reason", "at")}
    return {**kept, "snapshot": snapshot, "seen": {}, "unlisted": {}, "cut": said["cut"]}


def _within(said: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(said, dict):
        return {name: change(one) for name, one in said.items()}
    return [change(one) for one in said] if isinstance(said, list) else said


_NO_DETECTOR = {"frozen": False, "healthy_since": None}
CUTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("long words", _shorter_words),
    ("the node's other addresses", _without_other_addresses),
    (f"what is past {FEW} of anything", _first_few),
    ("the node", _without_node),
)
