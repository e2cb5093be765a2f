"""OpenAPI 3.1, drawn from the rows of the route layer."""

from collections.abc import Iterable

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from collector.web.routes import Role, Route, Shape

REFERENCE = "#/components/schemas/{model}"


class Problem(Shape):
    """RFC 9457, with a stable `code` and a `remedy` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str = Field(description="what helps, often a command; may be empty")


def document(rows: Iterable[Route], *, version: str, prefix: str) -> dict[str, object]:
    """The whole description. `prefix` stands before every path."""
    kept = tuple(rows)
    models = {Problem} | {row.reply for row in kept}
    models |= {kind for row in kept for kind in row.wants.values() if issubclass(kind, BaseModel)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=REFERENCE
    )
    paths: dict[str, dict[str, object]] = {}
    for row in kept:
        paths.setdefault(prefix + row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mailfleet", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: Route) -> dict[str, object]:
    operation: dict[str, object] = {
        "operationId": row.name,
        "summary": row.summary,
        "parameters": [*map(_path_parameter, row.parameters), *_query_parameters(row)],
        "responses": {
            "200": _content(row.reply, kind="application/json", text="done"),
            "default": _content(Problem, kind="application/problem+json", text="a problem"),
        },
    }
    if row.role > Role.PUBLIC:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Role: {row.role.name.lower()}."
    if "body" in row.wants:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(row.wants["body"])}},
        }
    return operation


def _path_parameter(name: str) -> dict[str, object]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(row: Route) -> list[dict[str, object]]:
    if "query" not in row.wants:
        return []
    schema = row.wants["query"].model_json_schema()  # type: ignore[attr-defined]
    needed = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": inner}
        for name, inner in schema.get("properties", {}).items()
    ]


def _content(model: type, *, kind: str, text: str) -> dict[str, object]:
    return {"description": text, "content": {kind: {"schema": _reference(model)}}}


def _reference(model: type) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}
