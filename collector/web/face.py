"""The HTTP face: one aiohttp application for HTTPS and the Unix socket. Parse, one call, render."""

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from collector.operate import checkup
from collector.operate.desk import Desk
from collector.ports import Refused, StoreError
from collector.version import VERSION
from collector.web import access, endpoints, openapi, problems
from collector.web.routes import BODY_BYTES_MAX, Role, Route, arguments

PREFIX = "/api/v1"
DESK = web.AppKey("desk", Desk)


def application(desk: Desk, *, socket_group: str) -> web.Application:
    """Everything the collector serves over HTTP."""
    app = web.Application(middlewares=[_refusals], client_max_size=BODY_BYTES_MAX)
    app[DESK] = desk
    for row in endpoints.ROUTES.rows:
        app.router.add_route(row.method, PREFIX + row.path, _handler(row, socket_group))
    app.router.add_get(f"{PREFIX}/openapi.json", _openapi)
    app.router.add_get("/ca.pem", _ca_pem)
    app.router.add_get("/healthz", _healthz)
    return app


def description() -> dict[str, object]:
    """The OpenAPI document of all routes."""
    return openapi.document(endpoints.ROUTES.rows, version=VERSION, prefix=PREFIX)


def _handler(row: Route, group: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        caller = await access.identify(request, desk, group=group)
        caller.must_be(row.role)
        found = await arguments(row, request, actor=caller.actor)
        body = msgspec.json.encode(await row.handler(desk, **found))
        return web.Response(body=body, content_type="application/json")

    return handle


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals become problem documents. What is our own fault stays a 500 with a traceback."""
    try:
        return await handler(request)
    except Refused as refused:
        return problems.problem(refused.code, detail=str(refused), remedy=refused.remedy)
    except ValidationError as error:
        return problems.invalid(error)
    except StoreError as error:
        return problems.problem("JOURNAL_BUSY", detail=str(error))
    except web.HTTPNotFound:
        return problems.problem("ROUTE_UNKNOWN", detail=f"{request.path} is not served here")
    except web.HTTPMethodNotAllowed:
        return problems.problem(
            "METHOD_WRONG", detail=f"{request.method} {request.path} is not served"
        )
    except web.HTTPRequestEntityTooLarge:
        return problems.problem("TOO_LARGE", detail=f"more than {BODY_BYTES_MAX} bytes")


async def _openapi(request: web.Request) -> web.Response:
    return web.json_response(description())


async def _ca_pem(request: web.Request) -> web.Response:
    """Public: a joining node checks it against the hash in its token."""
    pem = request.app[DESK].authority.ca_pem()
    return web.Response(body=pem, content_type="application/x-pem-file")


async def _healthz(request: web.Request) -> web.Response:
    """200 while control and journal advance, else 503; says nothing about the fleet."""
    stalled = checkup.stalled(request.app[DESK])
    body = {"ok": not stalled, "stalled": stalled}
    return web.json_response(body, status=503 if stalled else 200)


__all__ = ["DESK", "PREFIX", "Role", "application", "description"]
