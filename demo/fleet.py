"""A whole fleet on this machine: one real collector, real agents, each with its own state.

Everything lies in one folder; sockets in a short one of their own (a Unix socket's path has 107
bytes at most). Used by the demo and by tests, which bring their own world.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
import anyio

from collector.config import Config
from collector.core.channels import Settings
from collector.core.policy import Policy
from collector.ports import Actor
from collector.service import governing
from deliverability.zones import ZEN
from demo import processes
from demo.processes import Child, ChildError

FLEET = "demo.example"
ACTOR = Actor(name="demo", origin="demo")
READY_SECONDS = 30.0
AT_ONCE = 3
# The whole fleet is ours: we need not be asked whether we mean it.
AFFECTED_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One agent's place: what it reads, and where its state is."""

    name: str
    address: str
    folder: Path
    log: Path
    queue: Path
    helper: Path


@dataclass(slots=True)
class Fleet:
    """`found` once, `start_collector`, `enrol`, `start_agent`; `stop` ends everything."""

    folder: Path
    nameserver: str
    policy: Policy
    names: Sequence[str] = ("127.0.0.1", "localhost")
    channels: Sequence[Settings] = ()
    # What nodes look at; None: what the collector hands out.
    zones: Sequence[str] | None = (ZEN.name,)
    sockets: Path = field(init=False)
    ports: tuple[int, int, int] = field(init=False)
    admin_token: str = field(init=False, default="", repr=False)
    collector: Child = field(init=False)
    agents: dict[str, Child] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sockets = Path(tempfile.mkdtemp(prefix="mailfleet-"))
        https, enrolment, fleet = processes.free_ports(3)
        self.ports = (https, enrolment, fleet)
        self.collector = self._child(
            "collector", processes.python("collector.cli", "collector", "run")
        )

    @property
    def config_file(self) -> Path:
        return self.folder / "collector.toml"

    @property
    def context_file(self) -> Path:
        return self.folder / "context.toml"

    @property
    def environ(self) -> Mapping[str, str]:
        return {"MAILFLEET_CONFIG": str(self.config_file)}

    @property
    def socket(self) -> Path:
        return self.sockets / "collector.sock"

    def config(self) -> Config:
        https, enrolment, fleet = self.ports
        return Config(
            fleet=FLEET,
            names=tuple(self.names),
            state=self.folder / "collector",
            socket=self.socket,
            listen_address="127.0.0.1",
            https_port=https,
            enrolment_port=enrolment,
            fleet_port=fleet,
            nameservers=(self.nameserver,),
            channels=tuple(self.channels),
        )

    async def found(self) -> None:
        """CA, journal, pool, policy, and the file that points the command line here."""
        config = self.config()
        founded = await governing.found(config, self.config_file, policy=self.policy, actor=ACTOR)
        self.admin_token = founded.admin_token
        self.context_file.write_text(f'socket = "{self.socket}"\n')

    async def start_collector(self) -> None:
        await self.collector.start(self.environ)
        await self.collector.ready(seconds=READY_SECONDS)

    async def automate(self, pool: str, *, value: str) -> None:
        body = {"value": value, "max_affected": AFFECTED_MAX}
        await self.post(f"/pools/{pool}/automation", body)

    def agent_config(self, node: Node) -> Path:
        """Writes the node's agent.toml and machine id."""
        node.folder.mkdir(parents=True, exist_ok=True)
        machine = node.folder / "machine-id"
        if not machine.exists():
            machine.write_text(uuid4().hex + "\n")
        https, enrolment, fleet = self.ports
        path = node.folder / "agent.toml"
        path.write_text(
            f'[collector]\nhost = "127.0.0.1"\nhttps_port = {https}\n'
            f"enrolment_port = {enrolment}\nfleet_port = {fleet}\n\n"
            f'[node]\nhostname = "{node.name}"\nstate = "{node.folder / "state"}"\n'
            f'machine_id = "{machine}"\naddresses = ["{node.address}"]\n\n'
            f'[postfix]\nlog = "{node.log}"\nqueue = "{node.queue}"\n'
            f'helper = "{node.helper}"\n\n'
            f'[dns]\nnameservers = ["{self.nameserver}"]\n{self._zones_line()}'
        )
        return path

    def _zones_line(self) -> str:
        return "" if self.zones is None else f"zones = {json.dumps(list(self.zones))}\n"

    async def enrol(self, node: Node) -> None:
        """With a token of its own, as an installer would."""
        path = self.agent_config(node)
        made = await self.post("/tokens", {"pool": "default"})
        await processes.run(
            processes.python("agent", "enrol", "--token-file", "-"),
            {"MAILFLEET_CONFIG": str(path)},
            feed=f"{made['token']}\n".encode(),
        )

    async def start_agent(self, node: Node, *, wait: bool = True) -> Child:
        """Starts the node's agent, again after a death."""
        child = self._child(node.name, processes.python("agent", "run"))
        self.agents[node.name] = child
        await child.start({"MAILFLEET_CONFIG": str(node.folder / "agent.toml")})
        if wait:
            await child.ready(seconds=READY_SECONDS)
        return child

    async def bring_up(self, nodes: Sequence[Node]) -> None:
        """Enrols and starts these nodes, a few at a time."""
        room = anyio.CapacityLimiter(AT_ONCE)

        failed: list[ChildError] = []

        async def one(node: Node) -> None:
            async with room:
                try:
                    await self.enrol(node)
                    await self.start_agent(node)
                except ChildError as error:
                    failed.append(error)

        async with anyio.create_task_group() as tasks:
            for node in nodes:
                tasks.start_soon(one, node)
        if failed:
            raise failed[0]

    async def get(self, path: str) -> dict[str, object]:
        """REST over the local socket."""
        return await self._ask("GET", path=path)

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        return await self._ask("POST", path=path, body=body)

    async def _ask(
        self, method: str, *, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        try:
            return await self._request(method, path=path, body=body)
        except aiohttp.ClientError as error:
            raise ChildError(f"{method} {path}: {error}\n{self.collector.tail()}") from error

    async def _request(
        self, method: str, *, path: str, body: Mapping[str, object] | None
    ) -> dict[str, object]:
        connector = aiohttp.UnixConnector(path=str(self.socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://collector/api/v1{path}", json=body) as answer,
        ):
            said: dict[str, object] = await answer.json()
            if answer.status >= 400:
                raise ChildError(f"{method} {path}: {answer.status} {said.get('detail')}")
            return said

    async def stop(self) -> None:
        """Agents first, so that none reports the collector's end; everything within seconds."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for child in self.agents.values():
                    tasks.start_soon(child.stop)
            await self.collector.stop()
            shutil.rmtree(self.sockets, ignore_errors=True)

    def _child(self, name: str, argv: list[str]) -> Child:
        return Child(name, argv, folder=self.folder, sockets=self.sockets)
