"""Booted machines for tests: systemd in systemd-nspawn, on a network of their own; root only.

Owns namespaces, mounts, control groups and processes, all without a name anybody else could meet,
and ends them all; if the test process is killed, the kernel ends them with it. A machine's root is
a throw-away layer in memory over the kept image; it lasts over reboots of the machine.

    image = vps_images.root("bookworm")
    with vps_bed.network() as net, net.machine("mx1", image=image) as vps:
        vps.run("systemctl", "start", "postfix")
        vps.reboot()

`net` holds the address 10.77.0.1, in a namespace of its own: `net.words(…)` is how a command runs
there. Machines are 10.77.0.11 and on. There is no way out to the world.
"""

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests import vps_images

HUB = "10.77.0.1"
FIRST = 11
STEP_SECONDS = 0.1
BOOT_SECONDS_MAX = 60
CLEAN_SECONDS_MAX = 5
# Unified, hybrid and legacy machines mount systemd's own hierarchy at one or two of these.
HIERARCHIES = tuple(
    Path(place) for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
)
# Ended by the kernel when its parent is, however that ended.
MORTAL = ("setpriv", "--pdeathsig", "KILL")
# What a command leaves behind ends with it; systemd-nspawn alone would leave its machine running.
FENCED = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


class Namespaces:
    """A process that does nothing but hold new namespaces open."""

    def __init__(self, *kinds: str) -> None:
        words = (*MORTAL, "unshare", *(f"--{kind}" for kind in kinds), "sleep", "infinity")
        self._holder = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self.pid = self._holder.pid
        wait_for(lambda: Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n")

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


class Network:
    """A namespace with one bridge."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._count = 0
        self._hub = Namespaces("net")
        stack.callback(self._hub.close)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "br0", "type", "bridge")
        self._ip("address", "add", f"{HUB}/24", "dev", "br0")
        self._ip("link", "set", "br0", "up")

    def words(self, *words: str) -> tuple[str, ...]:
        """The command that runs this command in the namespace of 10.77.0.1."""
        return (*MORTAL, "nsenter", f"--net=/proc/{self._hub.pid}/ns/net", *words)

    @contextmanager
    def machine(self, name: str, *, image: Path) -> Iterator["Machine"]:
        """A machine that has booted, with what an operator brings in /srv."""
        held = Namespaces("net", "mount")
        self._stack.callback(held.close)
        address = f"10.77.0.{FIRST + self._count}"
        self._count += 1
        port = f"port{self._count}"
        peer = ("peer", "name", "eth0", "netns", str(held.pid))
        self._ip("link", "add", port, "type", "veth", *peer)
        self._ip("link", "set", port, "master", "br0", "up")
        inside = ("nsenter", f"--net=/proc/{held.pid}/ns/net", "ip")
        vps_images.run(*inside, "link", "set", "lo", "up")
        vps_images.run(*inside, "address", "add", f"{address}/24", "dev", "eth0")
        vps_images.run(*inside, "link", "set", "eth0", "up")
        vps_images.run(*inside, "route", "add", "default", "via", HUB)
        vps = Machine(self.folder / name, held, address=address, image=image)
        try:
            vps.boot()
            yield vps
        finally:
            vps.close()

    def _ip(self, *arguments: str) -> None:
        vps_images.run(*self.words("ip", *arguments))


class Machine:
    """One VPS. What is run in it runs as root."""

    def __init__(self, folder: Path, held: Namespaces, *, address: str, image: Path) -> None:
        self.name = folder.name
        self.address = address
        self._binds = vps_images.supplies(image, folder.parent)
        self._folder = folder
        self._held = held
        self._group = ControlGroup()
        self._nspawn: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self._lay_root(image)

    def run(self, *words: str, stdin: str = "", seconds: float = 30, status: int = 0) -> str:
        """What it wrote, stdout and stderr. AssertionError unless it exits with this status."""
        enter = ("nsenter", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        done = subprocess.run(
            (*MORTAL, *enter, f"--target={self._leader()}", "--", *words),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
            text=True,
            timeout=seconds,
            check=False,
        )
        said = done.stdout[-6000:]
        assert done.returncode == status, f"{' '.join(words)}: status {done.returncode}: {said}"
        return done.stdout

    def wait_until(self, text: str, *words: str, seconds: float = 20) -> None:
        """Until what the command says holds this text. AssertionError with what it said last."""
        deadline = time.monotonic() + seconds
        while text not in (said := self.run(*words)):
            assert time.monotonic() < deadline, f"no {text!r} within {seconds} s: {said}"
            time.sleep(STEP_SECONDS)

    def read(self, path: str) -> str:
        return self.run("cat", path)

    def write(self, path: str, text: str) -> None:
        self.run("tee", path, stdin=text)

    def is_active(self, unit: str) -> bool:
        return self.run("systemctl", "show", "-p", "ActiveState", unit).strip().endswith("=active")

    def boot(self) -> None:
        """All its units are started, or have failed, when this returns."""
        words = (
            *("systemd-nspawn", "--quiet", "--boot", f"--directory={self._folder}/root"),
            *(f"--machine={self.name}", "--register=no", "--keep-unit", "--resolv-conf=off"),
            f"--network-namespace-path={self._folder}/net",
            *("--capability=CAP_NET_ADMIN,CAP_NET_RAW", "--console=pipe"),
            *(f"--bind-ro={path}:{inside}" for inside, path in self._binds.items()),
        )
        enter = (*MORTAL, "nsenter", f"--mount=/proc/{self._held.pid}/ns/mnt")
        with (self._folder.with_suffix(".console")).open("ab") as console:
            self._nspawn = subprocess.Popen(
                (*enter, *self._group.words(*MORTAL, *FENCED, *words)),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )
        wait_for(self._is_up, seconds=BOOT_SECONDS_MAX)

    def reboot(self) -> None:
        """An orderly reboot: when this returns all units of the new life are started."""
        nspawn = self._nspawn
        assert nspawn is not None, "it was booted"
        self.run("systemctl", "reboot")
        nspawn.wait(timeout=BOOT_SECONDS_MAX)
        self.boot()

    def close(self) -> None:
        if self._nspawn is not None:
            self._nspawn.kill()
            self._nspawn.wait()
        self._held.close()
        self._group.close()

    def _lay_root(self, image: Path) -> None:
        """In the holder's mount namespace, so that nothing has to be unmounted ever."""
        folder = self._folder
        layers = f"lowerdir={image},upperdir={folder}/upper,workdir={folder}/work"
        self._outside("mount", "--make-rprivate", "/")
        self._outside("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))
        self._outside("mkdir", f"{folder}/upper", f"{folder}/work", f"{folder}/root")
        self._outside("touch", f"{folder}/net")
        self._outside("mount", "--bind", f"/proc/{self._held.pid}/ns/net", f"{folder}/net")
        self._outside("mount", "-t", "overlay", "-o", layers, "overlay", f"{folder}/root")
        # Its locks and sockets: not among the host's.
        self._outside("mkdir", "-p", "/run/systemd")
        self._outside("mount", "-t", "tmpfs", "tmpfs", "/run/systemd")
        hosts = f"127.0.0.1 localhost\n{self.address} {self.name}.vps.test {self.name}\n"
        self._write("hostname", f"{self.name}\n")
        self._write("hosts", hosts)
        self._write("resolv.conf", f"nameserver {HUB}\n")

    def _write(self, name: str, text: str) -> None:
        """A file in /etc of a machine that has not booted. The image's may be a link: put aside."""
        path = f"{self._folder}/root/etc/{name}"
        self._outside("rm", "-f", path)
        self._outside("sh", "-c", 'printf %s "$1" >"$0"', path, text)

    def _outside(self, *words: str) -> None:
        vps_images.run("nsenter", f"--mount=/proc/{self._held.pid}/ns/mnt", *words)

    def _leader(self) -> int:
        """Process 1 of the machine, as seen from here: a child of nspawn, itself the fence's."""
        assert self._nspawn is not None, "not booted"
        assert self._nspawn.poll() is None, self.console()
        nspawn = _first_child(self._nspawn.pid)
        return _first_child(nspawn) if nspawn else 0

    def _is_up(self) -> bool:
        leader = self._leader()
        if not leader or Path(f"/proc/{leader}/comm").read_text() != "systemd\n":
            return False
        with suppress(AssertionError):
            self.run("systemctl", "is-system-running", "--wait", seconds=BOOT_SECONDS_MAX)
        said = self.run("sh", "-c", "systemctl is-system-running || true")
        return said.strip() in ("running", "degraded")

    def console(self) -> str:
        return self._folder.with_suffix(".console").read_text()[-4000:]


@contextmanager
def network() -> Iterator[Network]:
    """At the end nothing of it is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailfleet-vps-")))
        yield Network(folder, stack)


def wait_for(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(STEP_SECONDS)


def _first_child(pid: int) -> int:
    """0: it has none at the moment."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(children[0]) if children else 0


class ControlGroup:
    """One of a machine's own, so that two systemds do not take each other's for theirs."""

    def __init__(self) -> None:
        name = f"mailfleet-vps-{secrets.token_hex(6)}"
        mounted = (top / name for top in HIERARCHIES if (top / "cgroup.procs").exists())
        self.places = tuple(mounted)
        assert self.places, "no control group hierarchy of systemd's is mounted"
        for place in self.places:
            place.mkdir()

    def words(self, *words: str) -> tuple[str, ...]:
        """The command that runs this command in the group."""
        joins = "".join(f"echo $$ >{place}/cgroup.procs; " for place in self.places)
        return ("sh", "-c", f'set -e; {joins}exec "$0" "$@"', *words)

    def close(self) -> None:
        """Its processes are ending: a little patience, then from the leaves up."""
        deadline = time.monotonic() + CLEAN_SECONDS_MAX
        while any(place.exists() for place in self.places) and time.monotonic() < deadline:
            for place in self.places:
                for folder, _, _ in os.walk(place, topdown=False):
                    with suppress(OSError):
                        Path(folder).rmdir()
            time.sleep(STEP_SECONDS)
