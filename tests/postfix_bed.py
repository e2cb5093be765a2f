"""A private Postfix instance with receivers on loopback, for tests and benchmarks; root only.

Owns its folder, its loopback address and every process it started, and ends them all. Nothing of
the machine's own Postfix is read or touched.

    with postfix_bed.running() as bed:
        bed.send(10, to="u@sink.test")
        bed.wait_for(lambda: len(bed.delivered()) == 10)

Domains it knows, all delivered to smtp-sink(1): `sink.test` by smtp, `google.test` by the custom
transport google, `relay.test` by relay, `lmtp.test` by lmtp; `blocked.test` is refused with 5xx and
`busy.test` with 4xx, both by smtp. What `kept.test` takes is kept and counted by `kept`.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postfix_setup import MASTER_CF, ROUTES, SINKS

ROOT = Path(__file__).resolve().parent.parent
SMTP_PORT = 2525
STEP_SECONDS = 0.02
# Postfix programs wait until main.cf has been quiet for a second or more; ours is.
QUIET_SECONDS = 5


class PostfixBed:
    """One instance below `directory`, listening at `address`:2525 while it runs."""

    def __init__(self, directory: Path, *, main_cf: dict[str, str]) -> None:
        self.directory = directory
        self.address = _free_address()
        self.config = directory / "etc"
        self.queue = directory / "queue"
        self.log = directory / "log" / "mail.log"
        self._sinks: list[subprocess.Popen[bytes]] = []
        for folder in (self.config, self.queue, directory / "data", self.log.parent):
            folder.mkdir()
        (directory / "kept").mkdir()
        for owned in ("data", "kept"):
            shutil.chown(directory / owned, "postfix")
        settings = self._settings() | main_cf
        (self.config / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        (self.config / "master.cf").write_text(MASTER_CF.replace("ADDRESS", self.address))
        self.settle()

    def _settings(self) -> dict[str, str]:
        routes = " ".join(f"{{ {domain} = {to} }}" for domain, to in ROUTES.items())
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue),
            "data_directory": str(self.directory / "data"),
            "maillog_file": str(self.log),
            "maillog_file_prefixes": str(self.directory),
            "myhostname": "vps.test",
            "mydestination": "",
            "alias_maps": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtp_bind_address": "0.0.0.0",
            "minimal_backoff_time": "2s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "2s",
            # A daemon that failed at its start is not tried again for so long, a minute by default.
            "service_throttle_time": "2s",
            "bounce_queue_lifetime": "1h",
            "notify_classes": "",
            "default_transport": "error:no such route",
            "smtp_dns_support_level": "disabled",
            "transport_maps": f"inline:{{ {routes} }}".replace("ADDRESS", self.address),
        }

    def settle(self) -> None:
        """Make the configuration look old enough for Postfix to trust it at once."""
        for path in (self.config / "main.cf", self.config / "master.cf"):
            then = time.time() - QUIET_SECONDS
            os.utime(path, (then, then))

    def start_sinks(self) -> None:
        """The receivers; they accept connections when this returns."""
        for port, arguments in SINKS.items():
            words = ("smtp-sink", "-u", "postfix", *arguments, f"{self.address}:{port}", "100")
            self._sinks.append(
                subprocess.Popen(words, stderr=subprocess.DEVNULL, cwd=self.directory)
            )
        self.wait_for(lambda: all(_accepts(self.address, port) for port in SINKS))

    def start(self) -> None:
        """Postfix accepts mail when this returns."""
        self._postfix("start")
        self.wait_for(lambda: _accepts(self.address, SMTP_PORT))

    def reload(self) -> None:
        self._postfix("reload")

    def stop(self) -> None:
        """End Postfix; all its processes are gone when this returns."""
        group = self.master_pid()
        if group is None:
            return
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.killpg(group, number)
            if until(lambda: _is_gone(group), seconds):
                return
        raise AssertionError(f"Postfix {group} does not end")

    def stop_sinks(self) -> None:
        for sink in self._sinks:
            sink.kill()
            sink.wait()
        self._sinks.clear()

    def postconf(self, *arguments: str) -> str:
        """Also for edits, which count at once: the file need not settle first."""
        out = _run("postconf", "-c", str(self.config), *arguments)
        self.settle()
        return out

    def send(self, count: int, *, to: str, sessions: int = 5, sender: str = "s@vps.test") -> None:
        """All are accepted by Postfix when this returns."""
        options = ("-s", str(min(sessions, count)), "-m", str(count), "-l", "1024")
        target = f"{self.address}:{SMTP_PORT}"
        _run("smtp-source", *options, "-f", sender, "-t", to, target)

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def delivered(self, domain: str = "") -> list[str]:
        """The lines of attempts that were accepted, to this domain or to any."""
        return [
            line
            for line in self.lines()
            if "status=sent" in line and f"@{domain}" in line.partition(" to=")[2].partition(">")[0]
        ]

    def kept(self) -> int:
        """How many recipients of kept.test the receiver itself counts."""
        return sum(
            path.read_bytes().count(b"\nX-Rcpt-Args: ")
            for path in (self.directory / "kept").iterdir()
        )

    def messages(self, queue: str) -> int:
        return sum(1 for path in (self.queue / queue).rglob("*") if path.is_file())

    def master_pid(self) -> int | None:
        """None when it does not run."""
        try:
            pid = int((self.queue / "pid/master.pid").read_text())
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if name.endswith("(master") and rest.split()[0] not in "ZX" else None

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        assert until(condition, seconds), "\n".join(self.lines()[-20:])

    def _postfix(self, verb: str) -> None:
        _run("postfix", "-c", str(self.config), verb)


@contextmanager
def made(**main_cf: str) -> Iterator[PostfixBed]:
    """A bed that is not started; at the end nothing of it is left. main_cf: further settings."""
    # Not pytest's folder: the user postfix must be able to walk to the queue.
    with tempfile.TemporaryDirectory(prefix="mailfleet-postfix-") as name:
        Path(name).chmod(0o755)
        bed = PostfixBed(Path(name), main_cf=main_cf)
        try:
            yield bed
        finally:
            bed.stop_sinks()
            bed.stop()


@contextmanager
def running(**main_cf: str) -> Iterator[PostfixBed]:
    """A bed with its receivers and Postfix started."""
    with made(**main_cf) as bed:
        bed.start_sinks()
        bed.start()
        yield bed


@contextmanager
def helper(config: Path, socket_path: Path, *, user: str = "root") -> Iterator[int]:
    """The real helper for this configuration directory; its pid. It answers when this begins."""
    options = ("--socket", str(socket_path), "--postfix", str(config), "--user", user)
    words = (sys.executable, "-m", "agent.helper", *options)
    socket_path.unlink(missing_ok=True)
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        until(lambda: _answers(socket_path) or process.poll() is not None, 10.0)
        assert process.poll() is None, f"the helper ended with {process.returncode}"
        assert _answers(socket_path)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _run(*words: str) -> str:
    # Not its output's end but its own is waited for: what Postfix leaves running holds it open.
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=30, check=False
        )
        output.seek(0)
        text = output.read()
    assert result.returncode == 0, f"{' '.join(words)}: exit status {result.returncode}: {text}"
    return text


def _free_address() -> str:
    """One of the four million loopback addresses, so that parallel tests never meet."""
    while True:
        address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with socket.socket() as probe, suppress(OSError):
            probe.bind((address, SMTP_PORT))
            return address


def _accepts(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def _answers(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.connect(str(path))
        return True
    return False


def _is_gone(group: int) -> bool:
    """No process of this group lives. Those that ended may stay as zombies until init looks."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state not in "ZX":
                return False
    return True


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP_SECONDS)
    return True
