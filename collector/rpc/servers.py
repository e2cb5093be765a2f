"""The two gRPC servers: enrolment with server TLS, the fleet with mutual TLS. One service each.

Two objects on purpose: a second port of one server would serve every service to everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from grpc import aio

from collector.rpc import options, wire, wire_enrolment
from collector.rpc.enrolment import EnrolmentFace
from collector.rpc.fleet import FleetFace
from collector.rpc.listeners import Listeners
from collector.rpc.options import Pace

STOP_SECONDS = 1.0

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Methods: TypeAlias = "dict[str, Handler]"


class ListenError(Exception):
    """An address and port cannot be listened on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen; port 0 takes a free one."""

    address: str
    port: int

    @property
    def target(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else (f"{self.address}:{self.port}")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What both servers share. `fleet_size`: nodes that may come at once."""

    listeners: Listeners
    fleet_size: int
    pace: Pace = Pace()


class Server:
    """A server that listens on `port`. Made and stopped inside one event loop."""

    def __init__(self, server: aio.Server, port: int) -> None:
        self._server = server
        self.port = port

    async def stop(self) -> None:
        """New calls are refused at once; what is under way gets a second."""
        await self._server.stop(STOP_SECONDS)


async def serve_fleet(face: FleetFace, place: Place, *, setup: Setup) -> Server:
    """Only `Fleet.Connect`, only for holders of a certificate of our CA. ListenError."""
    handler: Handler = grpc.stream_stream_rpc_method_handler(face.connect)
    return await _serve({wire.FLEET: {"Connect": handler}}, place, setup=setup, asks_client=True)


async def serve_enrolment(face: EnrolmentFace, place: Place, *, setup: Setup) -> Server:
    """Only `Enrolment.Enrol` and `Enrolment.Renew`, for anybody. ListenError."""
    methods: Methods = {
        "Enrol": grpc.unary_unary_rpc_method_handler(face.enrol),
        "Renew": grpc.unary_unary_rpc_method_handler(face.renew),
    }
    return await _serve({wire_enrolment.ENROLMENT: methods}, place, setup=setup, asks_client=False)


async def _serve(
    services: Mapping[str, Methods],
    place: Place,
    *,
    setup: Setup,
    asks_client: bool,
) -> Server:
    options.require_upb()
    server = aio.server(options=options.build(fleet_size=setup.fleet_size, pace=setup.pace))
    for name, methods in services.items():
        handlers = grpc.method_handlers_generic_handler(name, methods)
        server.add_generic_rpc_handlers((handlers,))
    credentials = setup.listeners.credentials(asks_client=asks_client)
    try:
        port = server.add_secure_port(place.target, credentials)
    except RuntimeError as error:
        await server.stop(None)
        raise ListenError(f"cannot listen on {place.target}: in use, or not ours") from error
    await server.start()
    return Server(server, port)
