"""Child processes of the demo: started, awaited until they say READY (sd_notify), stopped by id."""

import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
from anyio.abc import Process

STOP_SECONDS = 5.0
POLL_SECONDS = 0.02
PORTS = (20_000, 32_000)  # outgoing connections get 32768 and above (ip(7), ip_local_port_range)


class ChildError(Exception):
    """A child did not come up, or failed; the end of what it wrote is in the text."""


class Child:
    """One process with its log file and its notification socket."""

    def __init__(self, name: str, argv: Sequence[str], *, folder: Path, sockets: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._argv = argv
        self._notify = sockets / f"{name}.notify"
        self._process: Process | None = None
        self._listener: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, environ: Mapping[str, str]) -> None:
        """Begins the process; `ready` waits for it."""
        self._notify.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.setblocking(False)
        self._listener.bind(str(self._notify))
        with self.log.open("ab") as log:
            self._process = await anyio.open_process(
                self._argv,
                stdin=None,
                stdout=log,
                stderr=log,
                env={**os.environ, **environ, "NOTIFY_SOCKET": str(self._notify)},
                # Ctrl-C reaches the demo alone, which stops its children in order.
                start_new_session=True,
            )

    async def ready(self, *, seconds: float) -> None:
        """Until READY=1; ChildError when it ends first, or says nothing in time."""
        with anyio.move_on_after(seconds):
            while self.is_running:
                if b"READY=1" in self._heard():
                    return
                await anyio.sleep(POLL_SECONDS)
        why = "ended" if not self.is_running else f"was not ready after {seconds:g} s"
        raise ChildError(f"{self.name} {why}; the end of {self.log}:\n{self.tail()}")

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after five seconds; returns when it is gone."""
        if self._process is not None and self.is_running:
            self._process.terminate()
            with anyio.move_on_after(STOP_SECONDS, shield=True):
                await self._process.wait()
            if self.is_running:
                self._process.kill()
        await self.gone()

    async def gone(self) -> None:
        """After a kill: reaps the process and closes its socket."""
        if self._process is not None:
            with anyio.CancelScope(shield=True):
                await self._process.wait()
        if self._listener is not None:
            self._listener.close()
            self._notify.unlink(missing_ok=True)

    def tail(self, lines: int = 12) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _heard(self) -> bytes:
        assert self._listener is not None, "started"
        heard = b""
        with contextlib.suppress(BlockingIOError):
            while datagram := self._listener.recv(4096):
                heard += datagram + b"\n"
        return heard


async def run(argv: Sequence[str], environ: Mapping[str, str], *, feed: bytes = b"") -> bytes:
    """One short command to its end; its standard output. ChildError with what it complained."""
    result = await anyio.run_process(argv, input=feed, check=False, env={**os.environ, **environ})
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        raise ChildError(f"{' '.join(argv[:6])} … exited {result.returncode}:\n{said}")
    return result.stdout


def python(module: str, *arguments: str) -> list[str]:
    """This interpreter running a module of ours."""
    return [sys.executable, "-m", module, *arguments]


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports nobody listens on now, below those that outgoing connections are given:
    whoever is restarted finds his own still free."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port, one = random.randrange(*PORTS), held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
    return found
