"""What a fresh VPS of the tests is made from, kept between runs: its root and the packages of pip.

Owns ~/.cache/mailfleet-tests (XDG_CACHE_HOME counts). A root is made with mmdebstrap from the
host's own apt sources, once a week and list of packages; a wheelhouse once a list of hashes. Both
appear whole or not at all, and parallel test processes make them once.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("systemd-sysv", "dbus", "iproute2", "procps", "netbase", "ca-certificates", "libpam-systemd"),
    *("python3", "python3-venv", "postfix", "rsyslog", "logrotate"),
)
OTHER = {"bookworm": "trixie", "trixie": "bookworm"}
WEEK_SECONDS = 7 * 24 * 3600
ROOT_SECONDS_MAX = 280
WHEELS_SECONDS_MAX = 200


def suites() -> list[str]:
    """The host's own release first, and the other supported one its apt sources can give."""
    host = _os_release()["VERSION_CODENAME"]
    return [host, OTHER[host]] if host in OTHER else [host]


def root(codename: str) -> Path:
    """A root directory of this one of `suites`. Nobody may change it."""
    host = suites()[0]
    source = _source(host).replace(f" {host} ", f" {codename} ")
    week = int(time.time()) // WEEK_SECONDS
    key = _key(codename, source, str(week), *PACKAGES)
    return _kept(f"root-{codename}-{key}", lambda place: _bootstrap(codename, source, place))


def wheelhouse(requirements: Path, *, python: str) -> Path:
    """The wheels these hashes name, for this minor version of Python, such as "3.11"."""
    key = _key(requirements.read_text(), python)
    return _kept(f"wheels-{python}-{key}", lambda place: _download(requirements, python, place))


def supplies(image: Path, place: Path) -> dict[str, Path]:
    """What an operator brings to a machine of this image, by where it lies there: the unpacked
    bundle of this checkout, made below `place`, and a wheelhouse for both roles."""
    packed = run("installer/bundle.sh", str(place), seconds=60).strip()
    run("tar", "-C", str(place), "-xf", packed, seconds=30)
    python = (image / "usr/bin/python3").readlink().name.removeprefix("python")
    requirements = CHECKOUT / "installer/requirements-collector-apprise.txt"
    return {
        "/srv/mailfleet": Path(packed.removesuffix(".tar.gz")),
        "/srv/wheels": wheelhouse(requirements, python=python),
    }


def run(*words: str, seconds: float = 30) -> str:
    """What it wrote to stdout. AssertionError, with all it wrote, unless it exits with 0."""
    done = subprocess.run(
        words,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    said = f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    assert done.returncode == 0, f"{' '.join(words)}: exit status {done.returncode}: {said}"
    return done.stdout


def _bootstrap(codename: str, source: str, place: Path) -> None:
    # mmdebstrap's _apt user must be able to walk to it.
    place.parent.chmod(0o755)
    words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    words += ["--dpkgopt=force-unsafe-io", "--aptopt=Acquire::Languages none"]
    run(*words, codename, str(place), source, seconds=ROOT_SECONDS_MAX)


def _download(requirements: Path, python: str, place: Path) -> None:
    tool = place.with_name("pip")  # the checkout's own environment has none
    run(sys.executable, "-m", "venv", str(tool), seconds=60)
    words = [f"{tool}/bin/python", "-m", "pip", "download", "--quiet"]
    words += ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
    words += ["--only-binary=:all:", "--dest", str(place)]
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        words += ["--python-version", python, *(f"--platform={name}" for name in _platforms())]
    run(*words, "-r", str(requirements), seconds=WHEELS_SECONDS_MAX)


def _platforms() -> list[str]:
    """All that a wheel may name, newest first, up to the C library of the oldest system."""
    names = [f"manylinux_2_{minor}" for minor in range(35, 4, -1)]
    names += ["manylinux2014", "manylinux2010", "manylinux1", "linux"]
    return [f"{name}_{os.uname().machine}" for name in names]


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, made first where it is missing; older ones of its kind go then."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailfleet-tests"
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / name
    with _locked(cache / f".{name.partition('-')[0]}.lock"):
        if place.is_dir():
            return place
        with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as draft:
            make(Path(draft) / name)
            (Path(draft) / name).rename(place)
        for other in cache.glob(f"{name.rpartition('-')[0]}-*"):
            if other != place and time.time() - other.stat().st_mtime > 2 * WEEK_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return place


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _source(codename: str) -> str:
    """The first of the host's apt sources that holds this release, as one line of sources.list."""
    for line in _one_line_sources():
        words = line.split()
        if codename in words and "main" in words:
            return line
    raise AssertionError(f"no apt source of this machine holds {codename} main")


def _one_line_sources() -> Iterator[str]:
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))):
        if path.exists():
            yield from (line for line in path.read_text().splitlines() if line.startswith("deb "))
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        for paragraph in path.read_text().split("\n\n"):
            pairs = (line.partition(":") for line in paragraph.splitlines() if line[:1] not in "# ")
            entry = {name.strip(): value.strip() for name, _, value in pairs}
            if "deb" not in entry.get("Types", "").split():
                continue
            signed = entry.get("Signed-By", "")
            option = f"[signed-by={signed}] " if signed.startswith("/") else ""
            for suite in entry["Suites"].split():
                for uri in entry["URIs"].split():
                    yield f"deb {option}{uri} {suite} {entry.get('Components', '')}"


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def _key(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
