"""Many nodes in one client process, driven by lines of JSON on stdin. For the benchmarks.

    {"do": "connect", "at_once": 200}    -> {"seconds": …, "lost": …}
    {"do": "beat", "rounds": 2, "interval": 16.0}  -> {"beats": …, "lost": …, "latencies": […]}
    {"do": "leave"}                      -> {}

The first line says what herd it is: kind grpc or raw, port, fleet, and the numbers of its nodes.
"""

import asyncio
import json
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import grpc
import uvloop
from grpc import aio

from benchmarks import enrolled
from benchmarks.heartbeats import heartbeat
from protos import fleet_pb2 as pb

CONNECT = "/mailfleet.v1.Fleet/Connect"
LENGTH = struct.Struct("!I")
LOST = (aio.AioRpcError, OSError, asyncio.IncompleteReadError, TimeoutError, EOFError)
CONNECT_SECONDS_MAX = 120


class Node(Protocol):
    async def connect(self) -> None: ...

    async def beat(self) -> None:
        """One heartbeat and its ack."""

    async def leave(self) -> None: ...


class GrpcNode:
    """Its own channel and identity, as an agent has."""

    def __init__(self, number: int, credentials: grpc.ChannelCredentials, *, port: int) -> None:
        self._number = number
        self._credentials = credentials
        self._port = port
        self._sequence = 0
        self._runs = 0
        # Obeyed as soon as it is heard.
        self._held: pb.Directive | None = None

    async def connect(self) -> None:
        self._channel = aio.secure_channel(
            f"127.0.0.1:{self._port}",
            self._credentials,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.http2.ping_timeout_ms", 10_000),
                ("grpc.http2.max_pings_without_data", 0),
            ],
        )
        self._runs += 1
        call: aio.StreamStreamCall[bytes, bytes] = self._channel.stream_stream(CONNECT)()
        self._call = call
        await self._call.write(self._hello())
        await self._hear("welcome")

    async def beat(self) -> None:
        self._sequence += 1
        data = heartbeat(self._number, sequence=self._sequence, held=self._held)
        await self._call.write(data)
        await self._hear("ack")

    async def leave(self) -> None:
        await self._channel.close()

    async def _hear(self, kind: str) -> None:
        while True:
            data: object = await self._call.read()
            if not isinstance(data, bytes):
                raise EOFError("the collector ended the stream")  # noqa: TRY004
            message = pb.CollectorMessage.FromString(data)
            heard = message.WhichOneof("body")
            if heard == "directive":
                self._held = message.directive
            if heard == kind:
                return

    def _hello(self) -> bytes:
        now = int(time.time() * 1000)
        hello = pb.Hello(
            agent_version="0.1.0",
            wire_version=1,
            machine_id=f"machine-{self._number}",
            boot_id="boot",
            run_id=f"run-{self._runs}",
            epoch=f"epoch-{self._number}",
            sequence=self._sequence,
            counted_from_ms=now,
            sent_at_ms=now,
            hostname=f"node{self._number}.bench.test",
            addresses=[enrolled.address(self._number)],
            applied=self._held,
        )
        return pb.AgentMessage(hello=hello).SerializeToString()


class RawNode:
    """The same bytes over bare TLS."""

    def __init__(self, number: int, trust: ssl.SSLContext, *, port: int) -> None:
        self._number = number
        self._trust = trust
        self._port = port
        self._sequence = 0

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._trust, server_hostname="localhost", limit=4096
        )
        await self.beat()

    async def beat(self) -> None:
        self._sequence += 1
        data = heartbeat(self._number, sequence=self._sequence)
        self._writer.write(LENGTH.pack(len(data)) + data)
        (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        await self._reader.readexactly(size)

    async def leave(self) -> None:
        self._writer.close()


def nodes(spec: dict[str, Any]) -> list[Node]:
    port, key, roots = spec["port"], spec["key_pem"].encode(), spec["ca_pem"].encode()
    certificates: dict[int, bytes] = {
        int(number): pem.encode() for number, pem in spec["certificates"].items()
    }
    if spec["kind"] == "raw":
        trust = _trust(roots, key=key, certificate=next(iter(certificates.values())))
        return [RawNode(number, trust, port=port) for number in certificates]
    return [
        GrpcNode(number, grpc.ssl_channel_credentials(roots, key, pem), port=port)
        for number, pem in certificates.items()
    ]


def _trust(roots: bytes, *, key: bytes, certificate: bytes) -> ssl.SSLContext:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(cadata=roots.decode())
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(key + certificate)
        trust.load_cert_chain(file.name)
    return trust


class Herd:
    """The nodes of this process."""

    def __init__(self, members: list[Node]) -> None:
        self._members = members
        self._lost = 0

    async def connect(self, *, at_once: int) -> dict[str, Any]:
        gate = asyncio.Semaphore(at_once)
        began, lost = time.perf_counter(), self._lost

        async def one(node: Node) -> None:
            async with gate:
                await self._counted(asyncio.wait_for(node.connect(), CONNECT_SECONDS_MAX))

        await asyncio.gather(*map(one, self._members))
        return {"seconds": time.perf_counter() - began, "lost": self._lost - lost}

    async def beat(self, *, rounds: int, interval: float) -> dict[str, Any]:
        """Evenly over the interval, each node at its own moment."""
        latencies: list[float] = []
        lost, beats = self._lost, 0

        async def one(node: Node) -> None:
            began = time.perf_counter()
            if await self._counted(node.beat()):
                latencies.append(time.perf_counter() - began)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for turn in range(rounds):
                for place, node in enumerate(self._members):
                    due = began + interval * (turn + place / len(self._members))
                    if (wait := due - time.perf_counter()) > 0:
                        await asyncio.sleep(wait)
                    beats += 1
                    tasks.create_task(one(node))
            await asyncio.sleep(max(0.0, began + interval * rounds - time.perf_counter()))
        return {"beats": beats, "lost": self._lost - lost, "latencies": latencies}

    async def leave(self) -> dict[str, Any]:
        await asyncio.gather(*(self._counted(node.leave()) for node in self._members))
        return {}

    async def _counted(self, act: Any) -> bool:
        try:
            await act
        except LOST as error:
            self._lost += 1
            print(f"lost: {error!r}"[:300], file=sys.stderr)
            return False
        return True


async def main() -> None:
    read: Callable[[], str] = sys.stdin.readline
    herd = Herd(nodes(json.loads(read())))
    print("{}", flush=True)
    while line := await asyncio.to_thread(read):
        order = json.loads(line)
        print(json.dumps(await getattr(herd, order.pop("do"))(**order)), flush=True)


if __name__ == "__main__":
    enrolled.raise_open_files()
    uvloop.run(main())
