"""Where zones are asked: `127.0.0.1`, `127.0.0.1:5353`, `[::1]:53`; resolv.conf's lines. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

NAMESERVERS_MAX = 3  # MAXNS in resolv.conf(5)

# Everybody's resolvers: blocklists refuse them, or answer them wrongly.
PUBLIC = frozenset(
    (
        *("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"),
        *("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"),
        *("9.9.9.9", "149.112.112.112", "2620:fe::fe"),
        *("208.67.222.222", "208.67.220.220"),
    )
)
LOOPBACKS = frozenset(("127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class Nameserver:
    """A resolver's IP address and port."""

    ip: str
    port: int = 53

    @property
    def is_public(self) -> bool:
        return self.ip in PUBLIC

    def is_same(self, other: "Nameserver") -> bool:
        """The same resolver, by its IPv4 or IPv6 loopback address."""
        return self == other or (self.port == other.port and {self.ip, other.ip} <= LOOPBACKS)

    def __str__(self) -> str:
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{ip}:{self.port}"


def parse(text: str) -> Nameserver:
    """ValueError, naming the text, unless it is an IP address with or without a port."""
    ip, port = _split(text.strip())
    try:
        ipaddress.ip_address(ip)
        number = int(port)
    except ValueError:
        raise ValueError(f"{text!r} is no nameserver: want IP, IP:PORT or [IPv6]:PORT") from None
    if not 0 < number < 65536:
        raise ValueError(f"{text!r}: a port is 1 to 65535")
    return Nameserver(ip, number)


def parse_all(texts: Iterable[str]) -> tuple[Nameserver, ...]:
    return tuple(parse(text) for text in texts)


def parse_resolv_conf(text: str) -> tuple[Nameserver, ...]:
    """The first three `nameserver` lines that hold an address; loopback when there is none."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append(parse(words[1]))
            except ValueError:
                continue  # the C library skips such a line too
    return tuple(found[:NAMESERVERS_MAX]) or (Nameserver("127.0.0.1"),)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        ip, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return text, ""
        return ip, port[1:] if port else "53"
    if text.count(":") == 1:
        ip, _, port = text.partition(":")
        return ip, port
    return text, "53"
