"""Where the demo's notifications arrive: a webhook's receiver that keeps and prints each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from demo import processes


class Inbox:
    """`file` holds one JSON object a line, as it came."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = processes.free_ports(1)[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        with self.file.open("ab") as file:
            file.write(body + b"\n")
        said = await request.json()
        print(f"told: {said['title']}", flush=True)
        return web.Response(text="kept")
