"""Which collector the command line speaks to: an address, perhaps a token and a CA."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomllib

from collector.cli.failure import Exit, Failure

SOCKET_DEFAULT = Path("/run/mailfleet/collector.sock")
KEYS = frozenset(("socket", "url", "token", "ca"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Either a socket, or an https URL with a token. `ca`: a PEM file to trust instead of the
    system's."""

    socket: Path | None = None
    url: str = ""
    token: str = ""
    ca: Path | None = None

    @property
    def place(self) -> str:
        return str(self.socket) if self.socket else self.url


def choose(environ: Mapping[str, str] = os.environ) -> Context:
    """MAILFLEET_URL, else the file MAILFLEET_CONTEXT names, else the person's own file, else the
    local socket."""
    if environ.get("MAILFLEET_URL"):
        ca = environ.get("MAILFLEET_CA")
        return Context(
            url=environ["MAILFLEET_URL"],
            token=environ.get("MAILFLEET_TOKEN", ""),
            ca=Path(ca) if ca else None,
        )
    if environ.get("MAILFLEET_CONTEXT"):
        return read(Path(environ["MAILFLEET_CONTEXT"]))
    own = _own_file(environ)
    return read(own) if own.is_file() else Context(socket=SOCKET_DEFAULT)


def read(path: Path) -> Context:
    """A TOML file with `socket`, or `url`, `token` and `ca`. Failure names file and key."""
    try:
        tree = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = f"cannot read the context file {path}"
        raise Failure(what, cause=str(error), code=Exit.USAGE) from error
    problems = [f"{key}: unknown key" for key in tree if key not in KEYS]
    problems += [
        f"{key}: expected text" for key in KEYS & tree.keys() if not isinstance(tree[key], str)
    ]
    if ("socket" in tree) == ("url" in tree):
        problems.append("expected either socket or url")
    if problems:
        raise Failure(
            f"the context file {path} is not right", cause="; ".join(problems), code=Exit.USAGE
        )
    return Context(
        socket=Path(tree["socket"]) if "socket" in tree else None,
        url=tree.get("url", ""),
        token=tree.get("token", ""),
        ca=Path(tree["ca"]) if "ca" in tree else None,
    )


def _own_file(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config"
    return Path(home) / "mailfleet" / "context.toml"
