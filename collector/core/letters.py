"""A notice as a letter: one subject line, and a body of plain text. Knows no channel."""

from collections.abc import Iterator

from collector.core.notice import Notice, Occasion

CHAPTERS = (
    ("what", "What happened"),
    ("evidence", "Evidence, as it was seen"),
    ("did", "What mailfleet did"),
    ("coming", "What comes next"),
    ("can", "What you can do"),
)
CRITICAL = "infrastructure-critical"


def subject(notice: Notice, *, fleet: str) -> str:
    """`[example.com #17] HIGH: …`; without number where there is no incident."""
    number = f" #{notice.incident}" if notice.incident else ""
    return f"[{fleet}{number}] {notice.title}"


def body(notice: Notice, *, fleet: str) -> str:
    """Lines of at most 998 octets are the sender's care: every line here is shorter than 400."""
    return "\n".join(_lines(notice, fleet)) + "\n"


def name_of(notice: Notice) -> str:
    """What other programs know it by: the owners' name for what is critical, or its cause."""
    return CRITICAL if notice.is_critical else notice.cause.partition(":")[0]


def _lines(notice: Notice, fleet: str) -> Iterator[str]:
    yield notice.title
    for field, title in CHAPTERS:
        said: tuple[str, ...] = getattr(notice, field)
        if said:
            yield ""
            yield f"{title}:"
            yield from (f"  {line}" for line in said)
    yield ""
    yield "-- "
    if notice.event is Occasion.TEST:
        yield f"mailfleet of fleet {fleet}: a test, nothing happened"
        return
    if notice.incident:
        began = f"{notice.opened_at:%Y-%m-%d %H:%M}Z"
        yield f"incident {notice.incident} of fleet {fleet}, since {began}"
        yield f"notice {notice.sequence}, {notice.event.value}"
    else:
        yield f"mailfleet of fleet {fleet}"
