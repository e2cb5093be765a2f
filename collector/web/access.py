"""Who is calling, and what may they do: peer credentials on the Unix socket, else a bearer token.

On the socket root, the collector's own user and members of the operators' group are admins.
"""

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass

from aiohttp import web

from collector.operate import access
from collector.operate.desk import Desk
from collector.ports import Actor, Refused
from collector.web.routes import Role

SO_PEERGROUPS = 59  # socket(7), since Linux 4.13; Python has no name for it
GROUPS_BYTES_MAX = 1024  # the most Python reads of an option: 256 groups
TOKEN_LENGTH_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    actor: Actor
    role: Role

    def must_be(self, role: Role) -> None:
        """Refused: FORBIDDEN."""
        if self.role < role:
            raise Refused("FORBIDDEN", f"this needs {role.name.lower()}, {self.actor.name} is less")


async def identify(request: web.Request, desk: Desk, *, group: str) -> Caller:
    """Refused: UNAUTHENTICATED."""
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    if peer is not None and peer.family == socket.AF_UNIX:
        return _neighbour(peer, group)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not 0 < len(secret) <= TOKEN_LENGTH_MAX:
        raise Refused("UNAUTHENTICATED", "no token was sent")
    token = await access.api_token(desk, secret)
    actor = Actor(name=f"token {token.name}", origin=str(request.remote))
    return Caller(actor=actor, role=Role[token.role.upper()])


def _neighbour(peer: socket.socket, group: str) -> Caller:
    """A process of this machine, as the kernel vouches for it."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", credentials)
    if uid not in (0, os.geteuid()) and _gid_of(group) not in {gid, *_groups(peer)}:
        raise Refused("UNAUTHENTICATED", f"uid {uid} is not a member of group {group}")
    return Caller(actor=Actor(name=_user(uid), origin=f"socket, pid {pid}"), role=Role.ADMIN)


def _groups(peer: socket.socket) -> tuple[int, ...]:
    packed = peer.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES_MAX)
    return struct.unpack(f"{len(packed) // 4}I", packed)


def _gid_of(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
