"""The real unbound on loopback, a caching resolver between us and one authoritative server.

Stopped by its own pid, never by name.
"""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import dns.exception
import dns.message
import dns.query

PROGRAM = "/usr/sbin/unbound"
READY_SECONDS_MAX = 10


class Unbound:
    """`with Unbound(folder, zone=…, server="127.0.0.1:5302") as bed:` answers at `bed.address`."""

    def __init__(self, folder: Path, *, zone: str, server: str) -> None:
        self._folder = folder
        self._zone = zone
        self._server = server.replace(":", "@")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> "Unbound":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = self._folder / "unbound.conf"
        config.write_text(
            f"""
            server:
                interface: 127.0.0.1@{self.port}
                chroot: ""
                username: ""
                directory: "{self._folder}"
                pidfile: ""
                use-syslog: no
                logfile: "{self._folder / "unbound.log"}"
                module-config: "iterator"
                do-not-query-localhost: no
                do-ip6: no
                num-threads: 1
            stub-zone:
                name: "{self._zone}"
                stub-addr: {self._server}
            """
        )
        self._process = subprocess.Popen([PROGRAM, "-d", "-c", str(config)])
        end = time.monotonic() + READY_SECONDS_MAX
        while not self._answers():
            assert time.monotonic() < end, (self._folder / "unbound.log").read_text()
            assert self._process.poll() is None, "unbound ended"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        query = dns.message.make_query(f"2.0.0.127.{self._zone}", "A")
        try:
            return bool(dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.3).answer)
        except (dns.exception.DNSException, OSError):
            time.sleep(0.02)
            return False
