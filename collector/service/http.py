"""The HTTP listeners: HTTPS for everyone, the Unix socket for operators of this machine."""

import errno
import grp
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from collector.config import Config
from collector.service.parts import Parts
from collector.web import face

SOCKET_MODE = 0o660
BACKLOG = 128
SHUTDOWN_SECONDS = 1.0

log = structlog.get_logger(__name__)


class ServiceError(Exception):
    """The collector cannot run; `fix` helps."""

    def __init__(self, text: str, *, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


@asynccontextmanager
async def listening(parts: Parts, trust: ssl.SSLContext) -> AsyncIterator[None]:
    """Serves while the block lasts. ServiceError when a port or the socket is taken."""
    config = parts.config
    app = face.application(parts.desk, socket_group=config.socket_group)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        public = bind(config, "https", port=config.https_port)
        await web.SockSite(runner, public, ssl_context=trust, backlog=BACKLOG).start()
        parts.ports["https"] = public.getsockname()[1]
        await web.SockSite(runner, _local(config), backlog=BACKLOG).start()
        yield
    finally:
        await runner.cleanup()
        config.socket.unlink(missing_ok=True)


def server_trust(path: str) -> ssl.SSLContext:
    """For the HTTPS listener: key and certificate of one PEM file, TLS 1.2 and later."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    trust.load_cert_chain(path)
    return trust


def bind(config: Config, name: str, *, port: int) -> socket.socket:
    """A TCP socket of the configured address. ServiceError names who may hold it."""
    family = socket.AF_INET6 if ":" in config.listen_address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((config.listen_address, port))
    except OSError as error:
        bound.close()
        raise taken(config, name, port=port, error=error) from error
    return bound


def taken(config: Config, name: str, *, port: int, error: OSError) -> ServiceError:
    place = f"{config.listen_address} port {port} ({name})"
    if error.errno == errno.EADDRINUSE:
        fix = f"see who holds it: ss -ltnp 'sport = :{port}'; or set listen.{name} to another port"
        return ServiceError(f"{place} is in use", fix=fix)
    if error.errno == errno.EADDRNOTAVAIL:
        return ServiceError(
            f"this machine has no address {config.listen_address}", fix="set listen.address"
        )
    return ServiceError(f"{place}: {error.strerror}", fix=f"set listen.{name} to another port")


def _local(config: Config) -> socket.socket:
    """The operators' socket: nobody can connect before its mode and group are right."""
    path = config.socket
    if _is_alive(path):
        raise ServiceError(
            f"another collector listens on {path}",
            fix="systemctl stop mailfleet-collector; or set socket to another path",
        )
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        bound.bind(str(path))
        path.chmod(SOCKET_MODE)
        _give(path, config.socket_group)
    except OSError as error:
        bound.close()
        fix = "set socket to a path whose folder the collector may write"
        raise ServiceError(f"{path}: {error.strerror}", fix=fix) from error
    return bound


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _give(path: Path, group: str) -> None:
    """To the operators' group, where there is one: a set-gid folder has done it already, else we
    must be of that group. Where neither works the socket stays ours and root's alone."""
    try:
        gid = grp.getgrnam(group).gr_gid
        if path.stat().st_gid != gid:
            os.chown(path, -1, gid)
    except (KeyError, PermissionError) as error:
        path.chmod(0o600)
        log.warning("operators' group may not use the socket", group=group, problem=str(error))
