"""The poller chosen for gRPC is the one that runs, unless the environment chooses another."""

import os
import subprocess
import sys

import pytest

# An echo of 200 messages; says how often the event engine's threads slept and woke meanwhile.
ECHO = """
import asyncio
from pathlib import Path
from collector.rpc import servers
import grpc
from grpc import aio

def switches():
    total = 0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().strip() == "event_engine":
            status = (task / "status").read_text()
            total += int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    return total

async def echo(_, context):
    while isinstance(data := await context.read(), bytes):
        await context.write(data)

async def main():
    server = aio.server()
    handler = grpc.stream_stream_rpc_method_handler(echo)
    handlers = grpc.method_handlers_generic_handler("a", {"b": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream("/a/b")()
        before = switches()
        for _ in range(200):
            await call.write(b"x")
            await call.read()
        print(switches() - before)
    await server.stop(0)

asyncio.run(main())
"""


@pytest.mark.parametrize("chosen, is_quiet", [(None, True), ("event_engine_listener", False)])
def test_the_event_engine_sleeps(chosen: str | None, is_quiet: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GRPC_EXPERIMENTS"}
    if chosen is not None:
        environment["GRPC_EXPERIMENTS"] = chosen
    run = subprocess.run(
        [sys.executable, "-c", ECHO],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=True,
    )
    assert (int(run.stdout) < 150) is is_quiet, run.stdout
    assert "unknown" not in run.stderr.lower(), run.stderr
