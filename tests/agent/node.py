"""A whole agent in its own process, beside a pretended Postfix behind the real helper protocol."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from agent import identity
from agent.postfix import serving, verbs
from agent.postfix.serving import Serving
from agent.postfix.verbs import Message
from tests.agent.stand_in import Issuer, StandIn

OUTBOUND = ("relay", "smtp")
EXIT_SECONDS_MAX = 5


class Pretence:
    """What a helper and a Postfix behind it do: a pause is loaded a moment after it is written."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "mail.log"
        self.socket = folder / "helper.sock"
        self.log.touch()
        self.is_paused = False
        self.done: list[str] = []
        self.problem = ""
        self._changed_us = self._started_us = _now_us() - 10_000_000
        self._reload_at = 0.0
        uid = os.getuid()
        listener = serving.listen(str(self.socket), uid=uid)
        self._serving = Serving(listener, uids=frozenset({uid}), answer=self._answer)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._serving.close()

    def write(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(f"{datetime.now(timezone.utc).isoformat()} mx1 postfix/{text}\n")

    def deliver(self, delays: str = "0.1/0/0/0.1") -> None:
        self.write(
            "smtp[9]: 4A1B2C3D4E: to=<u@sink.test>, relay=mx.sink.test[192.0.2.9]:25, delay=0.2,"
            f" delays={delays}, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
        )

    def set_by_hand(self, *, paused: bool) -> None:
        """A person's `postconf -e` or `-X` and reload."""
        self._set(paused=paused)

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._serving.step(20)
            if self._reload_at and time.monotonic() >= self._reload_at:
                self._reload_at = 0.0
                self._started_us = _now_us()
                self.write("master[1]: reload -- version 3.7.11, configuration /etc/postfix")

    def _answer(self, request: Message) -> list[tuple[Message, list[int]]]:
        if self.problem:
            return [(verbs.problem(self.problem, retryable=True), [])]
        if request.kind == "observe":
            return [(self._observed(), [])]
        if request.kind == "queue":
            return [(Message("directories", {"part": 1, "parts": 1, "names": ()}), [])]
        changed = self._set(paused=request.kind == "pause")
        if changed:
            self.done.append(request.kind)
        return [(Message("done", {"changed": changed, "reloaded": changed}), [])]

    def _set(self, *, paused: bool) -> bool:
        changed = paused != self.is_paused
        if changed:
            self.is_paused = paused
            self._changed_us = _now_us()
            self._reload_at = time.monotonic() + 0.2
        return changed

    def _observed(self) -> Message:
        return Message(
            "observed",
            {
                "running": True,
                "version": "3.7.11",
                "outbound": OUTBOUND,
                "deferred": OUTBOUND if self.is_paused else (),
                "paused": self.is_paused,
                "config_changed_us": self._changed_us,
                "qmgr_started_us": self._started_us,
            },
        )


class Node:
    """Its folder, its Postfix, and the agent's process while there is one."""

    def __init__(self, folder: Path, issuer: Issuer, *, is_enrolled: bool = True) -> None:
        self.folder = folder
        self.issuer = issuer
        self.postfix = Pretence(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(folder / "notify.sock"))
        self.notified.settimeout(20)
        if is_enrolled:
            identity.swap(folder, issuer.identity("node-1"))

    def start(
        self,
        collector: StandIn | int,
        *,
        enrolment_port: int = 1,
        dns: str = "zones = []",
        **environ: str,
    ) -> None:
        """Against this stand-in, or a port where nobody listens. `dns`: that section."""
        port = collector if isinstance(collector, int) else collector.place.fleet_port
        config = self.folder / "agent.toml"
        config.write_text(
            f"""
            [collector]
            host = "127.0.0.1"
            fleet_port = {port}
            enrolment_port = {enrolment_port}
            [node]
            state = "{self.folder}"
            addresses = ["198.51.100.7"]
            [postfix]
            log = "{self.postfix.log}"
            queue = "{self.folder}"
            helper = "{self.postfix.socket}"
            [dns]
            {dns}
            """
        )
        told = {"MAILFLEET_CONFIG": str(config), "NOTIFY_SOCKET": str(self.folder / "notify.sock")}
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent.daemon"],
                env={**os.environ, **told, **environ},
                stderr=log,
            )

    def until_ready(self) -> None:
        while b"READY=1" not in self.notified.recv(4_096):
            pass

    def stop(self) -> int:
        """By SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(EXIT_SECONDS_MAX)
        self.process = None
        return status

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(EXIT_SECONDS_MAX)
        self.process = None

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.postfix.close()
        self.notified.close()

    def said(self) -> list[dict[str, object]]:
        """Its log, line by line."""
        text = (self.folder / "agent.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def status(self) -> dict[str, object]:
        try:
            told: dict[str, object] = json.loads((self.folder / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return told


def _now_us() -> int:
    return time.time_ns() // 1000
