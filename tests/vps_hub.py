"""What stands at 10.77.0.1 for the machines of vps_bed: a collector, a zone, a receiver of mail.

The collector is the checkout's own, run as an operator runs it; the zone is the real rbldnsd's at
port 53, the receiver is smtp-sink(1). All end with the block, or with the test process.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

from collector.config import Config
from collector.ports import Actor
from collector.service import governing
from demo import pace
from tests import vps_images
from tests.vps_bed import FENCED, HUB, Network, wait_for

ZONE = "zen.spamhaus.org"
SINK_PORT = 2525
ENTRIES = "$TTL 2\n127.0.0.2 :127.0.0.2:\n127.0.0.2 :127.0.0.4:\n127.0.0.2 :127.0.0.10:\n"
READY_SECONDS = 30
# Who becomes another user is no longer told of its parent's death: a root's child it must be.
SHELTERED = ("sh", "-c", '"$0" "$@"; exit $?')
ANSWER_SECONDS_MAX = 10


class Hub:
    def __init__(self, net: Network) -> None:
        self._net = net
        self._folder = net.folder / "hub"
        self._folder.mkdir(mode=0o755)
        self._context = self._folder / "context.toml"
        self._socket = self._folder / "collector.sock"
        self.log = self._folder / "collector.log"

    async def found(self) -> None:
        """A collector with the demo's pace, on the default ports of this address."""
        config = Config(
            fleet="vps.test",
            names=(HUB,),
            state=self._folder / "state",
            socket=self._socket,
            listen_address=HUB,
            nameservers=(HUB,),
        )
        actor = Actor(name="root", origin="test")
        path = self._folder / "collector.toml"
        await governing.found(config, path, policy=pace.DEMO, actor=actor)
        self._context.write_text(f'socket = "{self._socket}"\n')

    @contextmanager
    def running(self) -> Iterator[None]:
        (self._folder / "zone").mkdir(mode=0o755)
        (self._folder / "zone" / "zen").write_text(ENTRIES)
        zone = ("rbldnsd", "-n", "-f", "-u", "nobody", "-r", str(self._folder / "zone"))
        with ExitStack() as stack:
            for words in (
                (*zone, "-b", f"{HUB}/53", "-c", "1s", f"{ZONE}:ip4set:zen"),
                ("smtp-sink", "-u", "nobody", f"{HUB}:{SINK_PORT}", "100"),
                self._mailfleet("collector", "run", "--config", f"{self._folder}/collector.toml"),
            ):
                stack.enter_context(self._process(words))
            wait_for(self._is_ready, seconds=READY_SECONDS)
            yield

    def cli(self, *words: str) -> Any:
        """What `mailfleet WORDS -o json` says."""
        return json.loads(self._run(*words, "-o", "json"))

    def token(self) -> str:
        return str(self._ask("POST", "/tokens", '{"pool": "default"}')["token"])

    def node(self, name: str) -> dict[str, Any]:
        """The node of this name; {} while there is none."""
        items = self._ask("GET", "/nodes")["items"]
        return next((dict(item) for item in items if item["name"] == name), {})

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        """What the REST API answers. OSError while it does not listen."""
        connection = HTTPConnection("collector", timeout=ANSWER_SECONDS_MAX)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self._socket))
            connection.request(method, f"/api/v1{path}", body)
            answer = connection.getresponse()
            said = answer.read().decode()
            assert answer.status == HTTPStatus.OK, said
            return json.loads(said)
        finally:
            connection.close()

    def _run(self, *words: str) -> str:
        environ = ("env", f"MAILFLEET_CONTEXT={self._context}")
        return vps_images.run(*environ, *self._mailfleet(*words))

    def _mailfleet(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "collector.cli", *words)

    def _is_ready(self) -> bool:
        try:
            self.node("any")
        except OSError:
            return False
        return True

    @contextmanager
    def _process(self, words: tuple[str, ...]) -> Iterator[None]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._net.words(*FENCED, *SHELTERED, *words),
                cwd=vps_images.CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.kill()
            process.wait()
