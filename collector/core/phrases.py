"""Words of others made harmless for people: bounded, without control characters, and without what
must not travel (keys in zone names, local parts of mail addresses). Pure.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

LINE_MAX = 300
LINES_MAX = 12
# A DQS key is a label of letters and digits before its zone (docs.spamhaus.com, "DQS").
_KEY = re.compile(r"\b[a-z0-9]{20,63}(?=\.[a-z0-9.-]*dq\.spamhaus\.net)", re.IGNORECASE)
# RFC 5321 4.1.2, as far as replies quote it: whose mail it was is nobody's business here.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=[A-Za-z0-9-]+\.)")


def harmless(text: str, *, most: int = LINE_MAX) -> str:
    """One line of at most so many characters. Control, format and separator characters (line ends,
    escapes, bidirectional overrides) become spaces."""
    head = text[: most * 4]
    # Printable is what has none of these categories, and no space but the plain one: mostly all.
    is_plain = head.isprintable()
    plain = head if is_plain else "".join(" " if _is_control(one) else one for one in head)
    said = " ".join(_MAILBOX.sub("…@", _KEY.sub("<key>", plain)).split())
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def lines(texts: Iterable[str], *, most: int = LINES_MAX) -> tuple[str, ...]:
    """Each once, in their order, so many at most; the last says that there were more."""
    unique = list(dict.fromkeys(said for said in map(harmless, texts) if said))
    if len(unique) <= most:
        return tuple(unique)
    return (*islice(unique, most - 1), f"… and {len(unique) - most + 1} more")


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
