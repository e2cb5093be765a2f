"""The peer of `agents`: mutual TLS on bare uvloop, frames in, short frames back. No gRPC or store.

    python -m benchmarks.echo FOLDER      serves with FOLDER/listener.pem and ca.pem; says its port

A frame is four bytes of length and so many of content. What the collector does above this is what
its figures are divided by.
"""

import asyncio
import ssl
import struct
import subprocess
import sys
from pathlib import Path
from typing import cast

import uvloop

from benchmarks import enrolled

ACK = bytes(44)  # as long as an Ack message
LENGTH = struct.Struct("!I")


class Echo(asyncio.Protocol):
    """Answers each whole frame with a short one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own transports are not derived from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer)
            if len(self._buffer) < LENGTH.size + size:
                return
            del self._buffer[: LENGTH.size + size]
            self._transport.write(LENGTH.pack(len(ACK)) + ACK)


class EchoProcess:
    """The peer in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.echo", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.pid = self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


async def serve(folder: Path) -> None:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(folder / "listener.pem")
    trust.load_verify_locations(folder / "ca.pem")
    trust.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=trust, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    enrolled.raise_open_files()
    uvloop.run(serve(Path(sys.argv[1])))
