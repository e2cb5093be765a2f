"""A collector with many nodes already enrolled, and the collector's own process. For benchmarks."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collector.adapters import ca, secrets, store
from collector.adapters.clock import SystemClock
from collector.config import Config
from collector.identity import Applicant, Register
from collector.ports import Actor
from collector.service import founding
from collector.service.absent import NoStreams

ACTOR = Actor(name="benchmark", origin="local")
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the nodes prove themselves with. One key serves all of them; making 10,000 is slow."""

    key_pem: str
    ca_pem: str
    certificates: tuple[str, ...]


def raise_open_files() -> None:
    """As many open files as this user may have; child processes inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def config(folder: Path) -> Config:
    """Any free ports, and a nameserver that answers nothing."""
    return Config(
        fleet="bench.test",
        names=("localhost", "127.0.0.1"),
        state=folder / "state",
        socket=folder / "collector.sock",
        listen_address="127.0.0.1",
        https_port=0,
        enrolment_port=0,
        fleet_port=0,
        nameservers=("127.0.0.1:9",),
    )


def found(folder: Path, *, nodes: int) -> Fleet:
    """A new collector in this folder, with so many nodes enrolled."""
    return asyncio.run(_found(folder, nodes))


async def _found(folder: Path, nodes: int) -> Fleet:
    clock, settings = SystemClock(), config(folder)
    await founding.found(settings, folder / "collector.toml", key=None, actor=ACTOR, clock=clock)
    return await populate(settings, nodes=nodes)


async def populate(settings: Config, *, nodes: int) -> Fleet:
    """Enrols so many nodes with a founded collector that is not running."""
    clock = SystemClock()
    sealing = secrets.load(founding.master_key(settings))
    authority = ca.load(founding.ca_folder(settings), secrets=sealing)
    journal = await store.open(settings.state, clock)
    try:
        register = Register(store=journal, authority=authority, streams=NoStreams(), clock=clock)
        pool_id = str((await journal.pools())[0]["id"])
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        request = csr.sign(key, hashes.SHA256()).public_bytes(DER)
        certificates = []
        for number in range(nodes):
            token = await register.new_token(pool_id, actor=ACTOR)
            issued = await register.enrol(_applicant(number, token, request=request))
            certificates.append(issued.certificate_pem.decode())
        form = serialization.PrivateFormat.PKCS8
        key_pem = key.private_bytes(PEM, form, serialization.NoEncryption())
        return Fleet(
            key_pem=key_pem.decode(),
            ca_pem=authority.ca_pem().decode(),
            certificates=tuple(certificates),
        )
    finally:
        await journal.close()


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _applicant(number: int, token: str, *, request: bytes) -> Applicant:
    return Applicant(
        token=token,
        csr_der=request,
        machine_id=f"machine-{number}",
        hostname=f"node{number}.bench.test",
        addresses=(address(number),),
        agent_version="0.1.0",
        sent_at=SystemClock().now(),
        origin="local",
    )


class CollectorProcess:
    """`mailfleet collector run` as its own process; `port` is the fleet's."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"MAILFLEET_CONFIG": str(folder / "collector.toml")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "collector.cli", "collector", "run"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        ready = _until_ready(self._process.stderr)
        self.port = int(ready["fleet"])
        self.pid = self._process.pid
        # What it says later is let go; a full pipe would stop it.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def _until_ready(lines: IO[str]) -> Mapping[str, int]:
    said = []
    for line in lines:
        said.append(line)
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "ready":
            ports: Mapping[str, int] = event["ports"]
            return ports
    raise RuntimeError(f"the collector did not start: {''.join(said)}")
