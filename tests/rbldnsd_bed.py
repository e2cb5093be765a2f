"""The real rbldnsd on loopback, serving ZEN under its true names from a file tests rewrite.

Every change returns once the server answers from it. Stopped by its own pid, never by name.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

PROGRAM = "/usr/sbin/rbldnsd"
KEY = "k3yk3yk3yk3yk3yk3yk3yk3yk3"
ZONE = "zen.spamhaus.org"
KEYED_ZONE = f"{KEY}.zen.dq.spamhaus.net"
SENTINEL = ("127.0.0.2", "127.0.0.4", "127.0.0.10")  # what ZEN's own test point answers
WORLD = ("0/1", "128/1")
READY_SECONDS_MAX = 10
START_TRIES_MAX = 5


class Rbldnsd:
    """`with Rbldnsd(tmp_path) as bed:` answers at `bed.address`, by UDP."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "rbldnsd" / "zen"
        self._listed: dict[str, tuple[str, ...]] = {"127.0.0.2": SENTINEL}
        self._serial = 0
        # Of every listing, in its TXT record.
        self.words = "listed"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> "Rbldnsd":
        self._file.parent.mkdir(mode=0o755)
        self._file.parent.chmod(0o755)  # rbldnsd becomes nobody and reads it by a relative path
        self._write()
        for _ in range(START_TRIES_MAX):
            if self._start():
                return self
            self.__exit__(None, None, None)
        raise RuntimeError(f"rbldnsd does not start: {self._log.read_text()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.wake()
            self._process.kill()
            self._process.wait()

    def list(self, address: str, *codes: str) -> None:
        """Lists an IPv4 address or a range ("10.0.0.0/24") with these codes, .2 without any."""
        self._listed[address] = codes or ("127.0.0.2",)
        self._publish()

    def delist(self, address: str) -> None:
        self._listed.pop(address, None)
        self._publish()

    def mad(self) -> None:
        """Lists the whole world, the sentinel that must be clear too."""
        self._listed |= dict.fromkeys(WORLD, ("127.0.0.2",))
        self._publish()

    def dead(self) -> None:
        """Lists nothing any more, not even the sentinel that must be listed."""
        self._listed.clear()
        self._publish()

    def normal(self) -> None:
        """Ends `mad` and `dead`; what else is listed stays."""
        kept = {ip: codes for ip, codes in self._listed.items() if ip not in WORLD}
        self._listed = {"127.0.0.2": SENTINEL} | kept
        self._publish()

    def freeze(self) -> None:
        """Questions go unanswered until `wake`."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self._file.with_name("log")

    def _start(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        served = [f"{zone}:ip4set:{self._file.name}" for zone in (ZONE, KEYED_ZONE)]
        options = ["-n", "-f", *user, "-w", str(self._file.parent), "-c", "60s"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, *options, "-b", f"127.0.0.1/{self.port}", *served],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self._becomes_ready()

    def _publish(self) -> None:
        self._write()
        os.kill(self.pid, signal.SIGHUP)
        if not self._becomes_ready():
            raise RuntimeError(f"rbldnsd does not reload: {self._log.read_text()}")

    def _write(self) -> None:
        self._serial += 1
        lines = [
            f"$SOA 1 ns1.{ZONE} hostmaster.{ZONE} {self._serial} 600 300 86400 1",
            f"$NS 60 ns1.{ZONE}",
            "$TTL 1",
            *(f"{ip} :{code}:{self.words}" for ip, codes in self._listed.items() for code in codes),
        ]
        self._file.write_text("\n".join(lines) + "\n")
        # rbldnsd tells a new file by size and whole seconds of its time.
        os.utime(self._file, (0, 1_000_000_000 + self._serial))

    def _becomes_ready(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end and self._process.poll() is None:
            if self._answered_serial() == self._serial:
                return True
            time.sleep(0.01)
        return False

    def _answered_serial(self) -> int | None:
        query = dns.message.make_query(ZONE, dns.rdatatype.SOA)
        try:
            response = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.1)
        except (dns.exception.DNSException, OSError):
            return None
        return next((record.serial for found in response.answer for record in found), None)
