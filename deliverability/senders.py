"""Whose mail it is: the domain of the envelope sender (RFC 5321, 4.1.2). Pure.

Exactly as it stands there, in lower case: a plan of a domain speaks for the domains below it too,
as `news.shop.example` is below `shop.example`, and a closer one goes before (`nearest`).
"""

import re
from collections.abc import Collection

NOBODY = "<>"  # the null sender, of bounces and reports
UNKNOWN = "unknown"  # the line that names the sender was not read
OTHER = "other"  # what a full table has no row for, and what is no domain that anybody has
RESERVED = frozenset((NOBODY, UNKNOWN, OTHER))

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_ONLY_DIGITS_LAST = re.compile(r".*\.[0-9]+")


def name_of(domain: str) -> str:
    """What stands behind the last @ of an envelope sender, '' where nothing does.

    Names of one label, address literals and what no DNS could hold are OTHER.
    """
    if not domain:
        return NOBODY
    name = domain.rstrip(".").lower()
    return name if is_domain(name) else OTHER


def is_domain(name: str) -> bool:
    """Whether it is written as `name_of` writes the domains it names."""
    return _DOMAIN.fullmatch(name) is not None and not _ONLY_DIGITS_LAST.fullmatch(name)


def nearest(domain: str, known: Collection[str]) -> str | None:
    """Itself or the closest of those it is below; None: it is below none of them."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        if name in known:
            return name
    return None
