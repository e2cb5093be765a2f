"""How a command tells the running demo to play a story: one line in, lines out, a Unix socket."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

LINE_BYTES_MAX = 4096
WAIT_SECONDS = 10.0

Play = Callable[[str], Awaitable[list[str]]]


async def serve(path: Path, play: Play) -> None:
    """Answers each connection's one request: a story's name; answers are lines for people."""
    await anyio.Path(path).unlink(missing_ok=True)
    listener = await anyio.create_unix_listener(path, mode=0o600)

    async def answer(stream: SocketStream) -> None:
        async with stream:
            with anyio.move_on_after(WAIT_SECONDS):
                line = await BufferedByteReceiveStream(stream).receive_until(b"\n", LINE_BYTES_MAX)
                said = await play(line.decode(errors="replace").strip())
                await stream.send(json.dumps(said).encode() + b"\n")

    async with listener:
        await listener.serve(answer)


async def ask(path: Path, story: str) -> list[str]:
    """What the demo says to this story. OSError when no demo runs."""
    async with await anyio.connect_unix(path) as stream:
        await stream.send(story.encode() + b"\n")
        with anyio.fail_after(WAIT_SECONDS):
            said: list[str] = json.loads(b"".join([part async for part in _parts(stream)]))
        return said


async def _parts(stream: SocketStream) -> AsyncIterator[bytes]:
    async for part in stream:
        yield part
