"""How the agent logs: one JSON object a line on stderr, with the node it speaks for."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_node: dict[str, str] = {}


def configure(*, level: int = 20) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_node,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def speak_for(node_id: str) -> None:
    """From here on every line names this node."""
    _node["node"] = node_id


def _add_node(*call: Any) -> MutableMapping[str, Any]:
    """A processor of structlog: called with logger, method and event."""
    return {**_node, **call[2]}
