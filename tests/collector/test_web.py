"""The REST API by HTTPS and by the socket: who may, what is refused and how, what it promises."""

import ssl
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel

from collector.operate import access
from collector.ports import AuditEntry
from collector.web import endpoints, face
from collector.web.routes import Role
from tests import collector_bed
from tests.collector_bed import OPERATOR, Bed


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with collector_bed.running(tmp_path) as running:
        await running.join("mta-1", "mta-2")
        yield running


@pytest.fixture
async def by_socket(bed: Bed) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(str(bed.parts.config.socket))
    async with aiohttp.ClientSession("http://collector", connector=connector) as session:
        yield session


@pytest.fixture
async def by_https(bed: Bed) -> AsyncIterator[aiohttp.ClientSession]:
    """Trusts the fleet's CA alone, and carries no token."""
    trust = ssl.create_default_context(cadata=bed.parts.authority.ca_pem().decode())
    base = f"https://localhost:{bed.parts.ports['https']}"
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(base, connector=connector) as session:
        yield session


async def token(bed: Bed, role: str) -> dict[str, str]:
    entry = AuditEntry(
        actor=OPERATOR, action="api token created", subject=role, at=bed.parts.clock.now()
    )
    store = bed.parts.store
    secret = await access.make_api_token(store, name=f"a {role}", role=role, entry=entry)
    return {"Authorization": f"Bearer {secret}"}


async def said(response: aiohttp.ClientResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status == status, await response.text()
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = await response.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "remedy"}
    assert (problem["code"], problem["status"]) == (code, status)
    return problem


async def test_the_socket_needs_no_token(by_socket: aiohttp.ClientSession) -> None:
    async with by_socket.get("/api/v1/nodes") as response:
        assert response.status == 200
        assert [node["name"] for node in (await response.json())["items"]] == ["mta-1", "mta-2"]


async def test_https_needs_a_token(bed: Bed, by_https: aiohttp.ClientSession) -> None:
    for headers in ({}, {"Authorization": "Bearer mfa_wrong"}, {"Authorization": "Basic eDp5"}):
        async with by_https.get("/api/v1/nodes", headers=headers) as response:
            await said(response, 401, "UNAUTHENTICATED")
            assert response.headers["WWW-Authenticate"] == "Bearer"
    headers = {"Authorization": f"Bearer {bed.made.admin_token}"}
    async with by_https.get("/api/v1/nodes", headers=headers) as response:
        assert response.status == 200


async def test_the_ca_and_the_health_are_public(bed: Bed, by_https: aiohttp.ClientSession) -> None:
    async with by_https.get("/ca.pem") as response:
        assert await response.read() == bed.parts.authority.ca_pem()
    async with by_https.get("/healthz") as response:
        assert (response.status, (await response.json())["ok"]) == (200, True)


async def test_health_is_bad_while_a_loop_stands(
    bed: Bed, by_socket: aiohttp.ClientSession
) -> None:
    bed.parts.progress.expect("a loop", within=-1)
    async with by_socket.get("/healthz") as response:
        assert (response.status, (await response.json())["stalled"]) == (503, ["a loop"])


@pytest.mark.parametrize(
    "role, may", [("viewer", (200, 403, 403)), ("operator", (200, 200, 403)), ("admin", (200,) * 3)]
)
async def test_roles(
    bed: Bed, by_https: aiohttp.ClientSession, role: str, may: tuple[int, int, int]
) -> None:
    headers = await token(bed, role)
    act = {"reason": "a test", "dry_run": True}
    async with by_https.get("/api/v1/status", headers=headers) as response:
        assert response.status == may[0]
    path = "/api/v1/nodes/mta-1/pause"
    async with by_https.post(path, headers=headers, json=act) as response:
        assert response.status == may[1]
    async with by_https.post("/api/v1/ca/rotate", headers=headers, json=act) as response:
        assert response.status == may[2]


async def test_an_act_is_audited_by_the_token_that_did_it(
    bed: Bed, by_https: aiohttp.ClientSession
) -> None:
    headers = await token(bed, "operator")
    body = {"reason": "a test", "max_affected": 1}
    async with by_https.post("/api/v1/nodes/mta-1/pause", headers=headers, json=body) as response:
        assert (await response.json())["changed"]
    rows = await bed.parts.store.journal(after=-10, limit=10, node_id=None)
    details: Any = [row["details"] for row in rows if row["kind"] == "audit"][-1]
    assert (details["actor"], details["origin"]) == ("token a operator", "127.0.0.1")


@pytest.mark.parametrize(
    "method, path, body, status, code",
    [
        ("GET", "/nodes/mta-9", None, 404, "NODE_UNKNOWN"),
        ("GET", "/why/nobody", None, 404, "SUBJECT_UNKNOWN"),
        ("GET", "/nowhere", None, 404, "ROUTE_UNKNOWN"),
        ("PUT", "/nodes/mta-1", "{}", 405, "METHOD_WRONG"),
        ("POST", "/nodes/mta-1/pause", "{}", 422, "INVALID"),
        ("POST", "/nodes/mta-1/pause", "nonsense", 422, "INVALID"),
        ("POST", "/nodes/mta-1/pause", '{"reason": "x", "more": 1}', 422, "INVALID"),
        ("POST", "/nodes/mta-1/pause", '{"reason": ""}', 422, "INVALID"),
        ("POST", "/nodes/mta-1/pause", '{"reason": "x"}', 409, "AFFECTS_MANY"),
        ("POST", "/nodes/mta-1/pause", "[" * 70_000, 413, "TOO_LARGE"),
        ("POST", "/nodes/mta-1/resume", "{}", 409, "NOT_PAUSED"),
        ("POST", "/nodes/mta-1/automation", '{"value": "perhaps"}', 422, "INVALID"),
        ("POST", "/pools/none/automation", '{"value": "act"}', 404, "POOL_UNKNOWN"),
        ("POST", "/tokens", '{"pool": "none"}', 404, "POOL_UNKNOWN"),
        ("POST", "/zones/bl.example/test", '{"address": "192.0.2.1"}', 404, "ZONE_UNKNOWN"),
        ("POST", "/zones/zen.spamhaus.org/test", '{"address": "x"}', 422, "ADDRESS_WRONG"),
        ("GET", "/events?limit=0", None, 422, "INVALID"),
        ("GET", "/events?since=yesterday", None, 422, "INVALID"),
        ("GET", "/events?colour=red", None, 422, "INVALID"),
    ],
)
async def test_refusals(
    by_socket: aiohttp.ClientSession,
    method: str,
    path: str,
    body: str | None,
    status: int,
    code: str,
) -> None:
    async with by_socket.request(method, f"/api/v1{path}", data=body) as response:
        await said(response, status, code)


async def test_an_invalid_body_is_explained_without_repeating_it(
    by_socket: aiohttp.ClientSession,
) -> None:
    body = {"reason": "secret" * 200, "max_affected": -1}
    async with by_socket.post("/api/v1/nodes/mta-1/pause", json=body) as response:
        problem = await said(response, 422, "INVALID")
    assert "reason: " in problem["detail"]
    assert "max_affected: " in problem["detail"]
    assert "secret" not in problem["detail"]


async def test_answers_keep_what_the_description_promises(
    bed: Bed, by_socket: aiohttp.ClientSession
) -> None:
    await bed.list("mta-2", "127.0.0.4")
    (newest,) = await bed.parts.store.decisions("mta-2", limit=1)
    known = {
        "incident": "1",
        "receiver": "gmail.com",
        "zone": "bl.mailspike.net",
        "decision": newest["id"],
        "pool": "default",
        "plan": bed.nodes["mta-2"].address,
    }
    for row in endpoints.ROUTES.rows:
        if row.method != "GET":
            continue
        path = row.path.format(node="mta-2", subject="mta-2", **known)
        async with by_socket.get(f"/api/v1{path}") as response:
            assert response.status == 200, path
            row.reply.model_validate(await response.json(), strict=True)


async def test_the_description_names_every_route(by_socket: aiohttp.ClientSession) -> None:
    async with by_socket.get("/api/v1/openapi.json") as response:
        document = await response.json()
    assert document["openapi"] == "3.1.0"
    told = {(path, method) for path, one in document["paths"].items() for method in one}
    routes = {(face.PREFIX + row.path, row.method.lower()) for row in endpoints.ROUTES.rows}
    assert told == routes
    schemas = document["components"]["schemas"]
    used = _references(document)
    assert {name.rpartition("/")[2] for name in used} <= schemas.keys()


def test_changing_needs_more_than_looking() -> None:
    for row in endpoints.ROUTES.rows:
        assert row.role > (Role.PUBLIC if row.method == "GET" else Role.VIEWER), row.path


def test_unknown_fields_are_errors_in_every_body() -> None:
    for row in endpoints.ROUTES.rows:
        for name in ("body", "query"):
            kind = row.wants.get(name)
            if kind is not None:
                assert issubclass(kind, BaseModel)
                assert kind.model_config["extra"] == "forbid", kind
                assert getattr(import_module(kind.__module__), kind.__name__) is kind


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        mine = {str(value["$ref"])} if "$ref" in value else set()
        return mine.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
