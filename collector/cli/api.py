"""The one way the command line speaks to the collector: its REST API."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from collector.cli import context as contexts
from collector.cli.context import Context
from collector.cli.failure import Exit, Failure

SECONDS_MAX = 30.0
EXITS = {
    400: Exit.USAGE,
    401: Exit.NOT_ALLOWED,
    403: Exit.NOT_ALLOWED,
    404: Exit.NOT_FOUND,
    409: Exit.REFUSED,
    422: Exit.USAGE,
    504: Exit.TIMED_OUT,
}
Json = Any  # what json.loads gives


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("collector", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """One connection, kept between calls and closed with the command. Methods raise Failure."""

    def __init__(self, context: Context | None = None, *, seconds: float = SECONDS_MAX) -> None:
        self._context = context or contexts.choose()
        self._connection = _connect(self._context, seconds)
        command = click.get_current_context(silent=True)
        if command is not None:
            command.call_on_close(self._connection.close)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        said = {name: value for name, value in (query or {}).items() if value is not None}
        return self._call("GET", path=f"{path}?{urlencode(said)}" if said else path, body=None)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        said = {name: value for name, value in body.items() if value is not None}
        return self._call("POST", path=path, body=json.dumps(said).encode())

    def _call(self, method: str, *, path: str, body: bytes | None) -> Json:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._context.token:
            headers["Authorization"] = f"Bearer {self._context.token}"
        try:
            self._connection.request(method, f"/api/v1{path}", body=body, headers=headers)
            response = self._connection.getresponse()
            status, text = response.status, response.read()
        except TimeoutError as error:
            self._connection.close()
            raise Failure(
                f"the collector at {self._context.place} did not answer in time",
                fix="mailfleet doctor",
                code=Exit.TIMED_OUT,
            ) from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise _unreachable(self._context, error) from error
        return _result(status, text)


def segment(name: str) -> str:
    """A person's word as one part of a path."""
    return quote(name, safe="")


def _connect(context: Context, seconds: float) -> http.client.HTTPConnection:
    if context.socket is not None:
        return _SocketConnection(str(context.socket), timeout=seconds)
    parts = urlsplit(context.url)
    if parts.scheme != "https" or not parts.hostname:
        raise Failure(f"not an https URL: {context.url!r}", code=Exit.USAGE)
    try:
        trust = ssl.create_default_context(cafile=str(context.ca) if context.ca else None)
    except OSError as error:
        raise Failure(
            f"cannot use the CA {context.ca}", cause=str(error), code=Exit.USAGE
        ) from error
    return http.client.HTTPSConnection(
        parts.hostname, parts.port or 7440, timeout=seconds, context=trust
    )


def _result(status: int, text: bytes) -> Json:
    try:
        said = json.loads(text)
    except ValueError:
        said = {"detail": text[:200].decode(errors="replace")}
    if status < 400:
        return said
    raise Failure(
        said.get("title") or f"The collector answered {status}",
        cause=said.get("detail", ""),
        fix=said.get("remedy", ""),
        code=EXITS.get(status, Exit.FAILED),
        problem=said.get("code", ""),
    )


def _unreachable(context: Context, error: Exception) -> Failure:
    what = f"the collector cannot be reached at {context.place}"
    if isinstance(error, PermissionError):
        fix = "run it as root, or as a member of the group mailfleet"
        return Failure(what, cause="permission denied", fix=fix, code=Exit.NOT_ALLOWED)
    if isinstance(error, ssl.SSLCertVerificationError):
        fix = "name its CA with MAILFLEET_CA, or `ca` in the context file"
        return Failure(what, cause=error.verify_message, fix=fix, code=Exit.UNREACHABLE)
    if context.socket is not None:
        fix = (
            "systemctl start mailfleet-collector; elsewhere set MAILFLEET_URL and MAILFLEET_TOKEN, "
            "or MAILFLEET_CONTEXT"
        )
    else:
        fix = "on the collector: systemctl status mailfleet-collector; is the address right?"
    cause = getattr(error, "strerror", None) or str(error)
    return Failure(what, cause=cause, fix=fix, code=Exit.UNREACHABLE)
