"""Which mailbox provider a delivery went to. Pure; asks no DNS, keeps no table of its own.

By the relay's host name and not by the recipient's domain: a firm's own domain at a provider is
that provider's mail. The known providers stand in `receivers.tsv` beside this file, read at import
(`mx`: the ending of an MX host name; `domain`: a recipient's, for attempts that reached no relay).
"""

import pkgutil
import re
from collections.abc import Mapping
from types import MappingProxyType

LOCAL = "local"  # did not leave the machine: a mailbox here, a content filter
UNKNOWN = "unknown"  # the line names no receiver: an expired message, an address without a domain
OTHER = "other"  # what a full table has no row for
RESERVED = frozenset((LOCAL, UNKNOWN, OTHER))

NAME_LENGTH_MAX = 80
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+\.?")
_ONLY_DIGITS_LAST = re.compile(r"(.*\.)?[0-9]+\.?")

# Second-level registries under which people register one label more (publicsuffix.org). Short on
# purpose: a registry missing here merges its domains into one receiver, and loses none.
_SECOND_LEVEL = {
    "co": "at id il in jp ke kr nz th uk za",
    "com": "ar au br cn co hk mx my pe ph pl sg tr tw ua vn",
    "net": "au br cn nz pl uk",
    "org": "au br cn nz pl uk za",
    "ac": "at in jp kr nz th uk za",
    "edu": "au br cn hk mx pl sg tr tw",
    "gov": "au br cn in sg tr uk za",
    "ne": "jp kr",
    "or": "at jp kr",
    "gob": "ar es mx",
    "gouv": "fr",
}
SUFFIXES = frozenset(
    f"{label}.{country}" for label, all_of in _SECOND_LEVEL.items() for country in all_of.split()
)


def receiver_of(*, relay_host: str, recipient_domain: str) -> str:
    """The roll-up name: a known provider, else an organisational domain, else UNKNOWN.

    `relay_host` is empty when no relay was reached; an address in place of a name says nothing.
    """
    return _name(relay_host, MX_SUFFIXES) or _name(recipient_domain, RECIPIENT_DOMAINS) or UNKNOWN


def organisational_domain(host: str) -> str:
    """The last two labels, three below a two-level registry; in lower case, without a last dot."""
    labels = host.rstrip(".").lower().split(".")
    count = 3 if ".".join(labels[-2:]) in SUFFIXES else 2
    return ".".join(labels[-count:])


def _name(host: str, known: Mapping[str, str]) -> str:
    host = host.lower()
    if not _HOST.fullmatch(host) or _ONLY_DIGITS_LAST.fullmatch(host):
        return ""
    labels = host.rstrip(".").split(".")
    for start in range(len(labels) - 1):
        if found := known.get(".".join(labels[start:])):
            return found
    return organisational_domain(host)[-NAME_LENGTH_MAX:]


def _load(kind: str) -> Mapping[str, str]:
    data = pkgutil.get_data("deliverability", "receivers.tsv")
    assert data is not None, "receivers.tsv is part of the package"
    header, *rows = (line.split("\t") for line in data.decode().splitlines())
    named = (dict(zip(header, row, strict=True)) for row in rows)
    return MappingProxyType(
        {row["suffix"]: row["receiver"] for row in named if row["kind"] == kind}
    )


MX_SUFFIXES = _load("mx")
RECIPIENT_DOMAINS = _load("domain")
KNOWN = frozenset(MX_SUFFIXES.values())
