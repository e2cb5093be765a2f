"""`mailfleet init`, `collector run` and `backup` as processes: they start, serve, end, refuse."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.adapters.clock import SystemClock
from collector.service import founding
from collector.service.founding import Founded
from tests import collector_bed

MAILFLEET = (sys.executable, "-m", "collector.cli")
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5.0


class Place:
    """A founded collector's folder, and commands run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "collector.toml"
        (folder / "context.toml").write_text(f'socket = "{folder}/c.sock"\n')
        self.environ = {
            **os.environ,
            "MAILFLEET_CONFIG": str(self.config),
            "MAILFLEET_CONTEXT": str(folder / "context.toml"),
            "MAILFLEET_URL": "",
        }

    def mailfleet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MAILFLEET, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            check=False,
        )

    async def found(self) -> Founded:
        """Founds it in this process, with free ports and everything under the folder."""
        chosen = collector_bed.config(self.folder, nameservers=("127.0.0.1:9",))
        actor, clock = collector_bed.OPERATOR, SystemClock()
        return await founding.found(chosen, self.config, key=None, actor=actor, clock=clock)

    @contextmanager
    def running(self, **environ: str) -> Iterator["Running"]:
        process = subprocess.Popen(
            [*MAILFLEET, "collector", "run"],
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ | environ,
        )
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


class Running:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.ports: dict[str, int] = {}

    def ready(self) -> None:
        """Reads the log up to `ready`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            said = json.loads(line)
            if said["event"] == "ready":
                self.ports = said["ports"]
                return
        raise AssertionError("it ended before it was ready")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and the rest of the log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=STOP_SECONDS_MAX)
        return self.process.returncode, log


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
async def founded(place: Place) -> Founded:
    return await place.found()


def test_init_makes_all_once_and_overwrites_nothing(place: Place) -> None:
    dry = place.mailfleet("init", "--state", str(place.folder / "state"), "--dry-run", "--yes")
    assert dry.stdout.count("\n") == 7
    assert not place.config.exists()
    said = place.mailfleet(
        *("init", "--fleet", "fleet.test", "--name", "localhost"),
        *("--state", str(place.folder / "state"), "--yes"),
    )
    admin, line = said.stdout.splitlines()
    assert said.returncode == 0
    assert admin.startswith("mfa_")
    assert "MAILFLEET_TOKEN=mft1." in line
    assert "--collector localhost" in line
    assert (place.folder / "state").stat().st_mode & 0o777 == 0o700
    assert (place.folder / "state" / "master.key").stat().st_mode & 0o777 == 0o600
    before = {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    again = place.mailfleet("init", "--fleet", "other.test", "--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert {path: path.read_bytes() for path in before} == before


def test_init_takes_the_zone_key_from_a_file_and_tells_nobody(place: Place) -> None:
    secret = "abcdefghij0123456789"
    (place.folder / "key").write_text(secret + "\n")
    said = place.mailfleet(
        *("init", "--name", "localhost", "--state", str(place.folder / "state"), "--yes"),
        *("--dqs-key-file", str(place.folder / "key")),
    )
    assert said.returncode == 0
    assert secret not in said.stdout + said.stderr + place.config.read_text()
    kept = place.folder / "dqs_key"
    assert (kept.read_text().strip(), kept.stat().st_mode & 0o777) == (secret, 0o600)


def test_wrong_configuration_is_all_said_and_exits_two(place: Place) -> None:
    place.config.write_text('fleet = "A B"\nports = 1\n[listen]\nhttps = "x"\n')
    said = place.mailfleet("collector", "run")
    assert said.returncode == 2
    assert said.stderr.count(str(place.config)) == 4
    for key in ("fleet", "names", "ports", "listen.https"):
        assert f"{place.config}: {key}: " in said.stderr


def test_it_starts_serves_and_ends_in_time(place: Place, founded: Founded) -> None:
    with place.running() as collector:
        collector.ready()
        assert set(collector.ports) == {"https", "enrolment", "fleet"}
        status = place.mailfleet("status")
        assert status.stdout.startswith("0 nodes: none has joined yet")
        events = json.loads(place.mailfleet("events", "-o", "json").stdout)["items"]
        assert events[-1]["text"] == "the collector began term 1"
        begun = time.monotonic()
        code, log = collector.stop()
        assert (code, time.monotonic() - begun < STOP_SECONDS_MAX) == (0, True)
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["stopping", "stopped"]
    assert founded.admin_token not in log
    assert not (place.folder / "c.sock").exists()


def test_interrupt_leaves_a_command_quietly(place: Place, founded: Founded) -> None:
    with place.running() as collector:
        collector.ready()
        for command in (("events", "-f", "--since", "1h"), ("status", "-w")):
            following = subprocess.Popen(
                [*MAILFLEET, *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=place.environ,
            )
            assert following.stdout is not None
            assert following.stdout.readline()
            following.send_signal(signal.SIGINT)
            _, err = following.communicate(timeout=STOP_SECONDS_MAX)
            assert (following.returncode, err.strip()) == (130, "")


def test_interrupt_ends_it_as_quietly(place: Place, founded: Founded) -> None:
    with place.running() as collector:
        collector.ready()
        code, log = collector.stop(signal.SIGINT)
    assert (code, "Traceback" in log) == (0, False)


def test_a_kill_is_no_harm_and_takes_a_new_term(place: Place, founded: Founded) -> None:
    for term in (1, 2):
        with place.running() as collector:
            collector.ready()
            text = place.mailfleet("events", "-o", "json").stdout
            assert json.loads(text)["items"][-1]["text"] == f"the collector began term {term}"
            collector.process.kill()


@pytest.mark.parametrize("name", ["https", "enrolment", "fleet"])
def test_a_taken_port_is_named_with_its_remedy(place: Place, founded: Founded, name: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = place.config.read_text().replace(f"{name} = 0", f"{name} = {port}")
        place.config.write_text(text)
        said = place.mailfleet("collector", "run")
    assert said.returncode == 1
    assert f"127.0.0.1 port {port} ({name}) is in use" in said.stderr
    assert f"ss -ltnp 'sport = :{port}'" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_second_collector_is_refused(place: Place, founded: Founded) -> None:
    with place.running() as collector:
        collector.ready()
        said = place.mailfleet("collector", "run")
        assert said.returncode == 1
        assert "another collector has this journal open" in said.stderr
        assert place.mailfleet("status").returncode == 0


def test_a_lost_master_key_is_said(place: Place, founded: Founded) -> None:
    (place.folder / "state" / "master.key").unlink()
    said = place.mailfleet("collector", "run")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert "master.key" in said.stderr
    assert "mailfleet backup restore" in said.stderr


def test_systemd_hears_ready_progress_and_stopping(place: Place, founded: Founded) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place.folder / "notify"))
        systemd.settimeout(READY_SECONDS_MAX)
        environ = {"NOTIFY_SOCKET": str(place.folder / "notify"), "WATCHDOG_USEC": "900000"}
        with place.running(**environ) as collector:
            assert systemd.recv(4096).startswith(b"READY=1")
            assert [systemd.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            collector.stop()
        heard: list[bytes] = []
        systemd.setblocking(False)
        while not heard or heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(4096))


def test_backup_and_restore(place: Place, founded: Founded) -> None:
    archive = place.folder / "b.tar"
    with place.running() as collector:
        collector.ready()
        made = place.mailfleet("backup", "create", str(archive))
        assert (made.returncode, made.stdout.strip()) == (0, str(archive))
        refused = place.mailfleet("backup", "restore", str(archive), "--force")
        assert (refused.returncode, "stop it first" in refused.stderr) == (4, True)
        collector.stop()
    assert place.mailfleet("backup", "verify", str(archive)).returncode == 0
    refused = place.mailfleet("backup", "restore", str(archive))
    assert (refused.returncode, "--force" in refused.stderr) == (4, True)
    dry = place.mailfleet("backup", "restore", str(archive), "--dry-run")
    assert (dry.returncode, dry.stdout.startswith("would restore")) == (0, True)
    done = place.mailfleet("backup", "restore", str(archive), "--force")
    assert (done.returncode, "kept in" in done.stderr) == (0, True), done.stderr
    with place.running() as collector:
        collector.ready()
        assert place.mailfleet("pool", "ls", "-o", "name").stdout == "default\n"
