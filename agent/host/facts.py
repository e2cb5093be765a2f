"""What does not change while the agent runs: the machine's ids, its name, its addresses."""

import ipaddress
import re
import secrets
import socket
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ID_FORM = re.compile(r"[0-9a-f-]{32,36}")


def machine_id(path: Path, *, fallback: Path) -> str:
    """machine-id(5); where the system has none, one made once and kept in `fallback`."""
    for place in (path, fallback):
        try:
            text = place.read_text("ascii").strip().lower()
        except (OSError, UnicodeDecodeError):
            continue
        if ID_FORM.fullmatch(text):
            return text
    made = secrets.token_hex(16)
    fallback.write_text(made + "\n")
    return made


def boot_id() -> str:
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def hostname() -> str:
    return socket.gethostname()


def global_addresses() -> tuple[str, ...]:
    """The machine's IPv4 addresses that the Internet can route to, in order."""
    found = {
        address.address
        for link in psutil.net_if_addrs().values()
        for address in link
        if address.family == socket.AF_INET and ipaddress.ip_address(address.address).is_global
    }
    return tuple(sorted(found, key=ipaddress.ip_address))
