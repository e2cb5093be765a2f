"""The typed route layer: one row a route, from which requests are parsed and OpenAPI is drawn.

A handler takes the desk, then by name: its path's parameters, `actor`, `query` and `body` (pydantic
models). It returns JSON-ready values. Knows nothing of the fleet.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from aiohttp import web
from pydantic import BaseModel, ConfigDict

Handler = Callable[..., Awaitable[object]]
BODY_BYTES_MAX = 65_536


class Role(IntEnum):
    """What a caller may do; each includes the ones before it."""

    PUBLIC = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Shape(BaseModel):
    """What comes in: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`wants`: the handler's parameters after the desk, with their types."""

    method: str
    path: str
    role: Role
    reply: type[BaseModel]
    handler: Handler
    wants: Mapping[str, type]

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or self.name).splitlines()[0]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


class Routes:
    """Rows, in the order they were added."""

    def __init__(self) -> None:
        self.rows: list[Route] = []

    def add(
        self, method: str, *, path: str, role: Role, reply: type[BaseModel]
    ) -> Callable[[Handler], Handler]:
        def added(handler: Handler) -> Handler:
            hints = inspect.get_annotations(handler, eval_str=True)
            wants = {n: t for n, t in hints.items() if n not in ("desk", "return")}
            row = Route(
                method=method, path=path, role=role, reply=reply, handler=handler, wants=wants
            )
            assert set(row.parameters) <= wants.keys(), row
            self.rows.append(row)
            return handler

        return added


async def arguments(route: Route, request: web.Request, *, actor: object) -> dict[str, object]:
    """What the handler wants, from the request. pydantic.ValidationError says all that is wrong."""
    found: dict[str, object] = {}
    for name, kind in route.wants.items():
        if name == "actor":
            found[name] = actor
        elif name == "query":
            found[name] = kind.model_validate(dict(request.query))  # type: ignore[attr-defined]
        elif name == "body":
            found[name] = kind.model_validate_json(await request.read() or b"{}")  # type: ignore[attr-defined]
        else:
            found[name] = request.match_info[name]
    return found
