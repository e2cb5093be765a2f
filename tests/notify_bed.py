"""Real receivers of notifications on loopback: an HTTP one with moods, and an SMTP sink."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from collector.adapters.clock import SystemClock
from collector.adapters.notify import Around

FLEET = "fleet.test"


def around(*ours: str) -> Around:
    async def known() -> frozenset[str]:
        return frozenset(ours)

    return Around(fleet=FLEET, clock=SystemClock(), ours=known)


@dataclass
class Receiver:
    """Takes POSTs. `mood`: a status, or hang, redirect, drop, or huge (500 with 10 MB)."""

    url: str = ""
    mood: int | str = 200
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    asked: int = 0
    written: int = 0

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        if self.mood == "hang":
            await asyncio.sleep(3600)
        if self.mood == "redirect":
            raise web.HTTPTemporaryRedirect(f"{self.url}/elsewhere")
        if self.mood == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if self.mood == "huge":
            return await self._flood(request)
        assert isinstance(self.mood, int)
        if self.mood < 300:
            self.heads.append(dict(request.headers))
            self.bodies.append(body)
        return web.Response(status=self.mood, text="as\x1b[31m you\r\nlike")

    async def _flood(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=500)
        await answer.prepare(request)
        for _ in range(160):
            await answer.write(b"x" * 65_536)
            self.written += 65_536
        return answer


@asynccontextmanager
async def receiving(trust: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust)
    await site.start()
    port = runner.addresses[0][1]
    found.url = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class Sink:
    """Keeps letters. `answer`: what it says after DATA, "" for 250."""

    port: int = 0
    answer: str = ""
    refuse_recipients: str = ""
    letters: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_recipients:
            return self.refuse_recipients
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answer:
            return self.answer
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.letters.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
        self.encrypted.append(session.ssl is not None)
        return "250 2.0.0 kept"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def sinking(trust: ssl.SSLContext | None = None) -> AsyncIterator[Sink]:
    """With `trust` it wants STARTTLS, and takes a log-in."""
    sink, loop = Sink(), asyncio.get_running_loop()
    extra: dict[str, Any] = {"hostname": "sink.test", "loop": loop}
    if trust is not None:
        extra |= {
            "tls_context": trust,
            "require_starttls": True,
            "authenticator": sink.authenticate,
        }
    server = await loop.create_server(lambda: SMTP(sink, **extra), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()
