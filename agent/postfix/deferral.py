"""The text of the two settings that hold a pause. Pure: values in, values out.

A pause is `mailfleet_paused = <every outbound service>` and a reference to it at the end of
`defer_transports` (postconf(5)); whatever an operator had there stays as it was.
"""

LIST = "mailfleet_paused"
DEFERRAL = "defer_transports"
REFERENCES = (f"${LIST}", f"${{{LIST}}}", f"$({LIST})")
SEPARATORS = ", \t\r\n"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def tokens(value: str) -> tuple[str, ...]:
    """The names of an expanded list: commas and white space separate them."""
    return tuple(value.replace(",", " ").split())


def refers(value: str) -> bool:
    """Does this unexpanded value of defer_transports refer to the list?"""
    return _find(value) is not None


def referring(value: str) -> str:
    """The value with exactly one reference, at its end."""
    kept = without(value)
    return f"{kept}, {REFERENCES[0]}" if kept else REFERENCES[0]


def without(value: str) -> str:
    """The value without any reference: what the operator wrote, in the operator's form."""
    while (place := _find(value)) is not None:
        before, after = value[: place[0]].rstrip(SEPARATORS), value[place[1] :].lstrip(SEPARATORS)
        value = f"{before}, {after}" if before and after else before or after
    return value


def is_listed(main_cf: str) -> bool:
    """Does this main.cf set the list, referred to or not?"""
    return any(_parameter(line) == LIST for line in main_cf.splitlines())


def others(main_cf: str) -> list[str]:
    """The lines that are not ours to write: all but the two settings, as postconf(1) edits them.

    A line that begins with white space continues the entry before it, comments and blank lines in
    between notwithstanding (postconf(5)); postconf keeps those.
    """
    kept, is_ours = [], False
    for line in main_cf.splitlines():
        if line[:1] == "#" or not line.strip():
            kept.append(line)
            continue
        if line[0] not in " \t":
            is_ours = _parameter(line) in (LIST, DEFERRAL)
        if not is_ours:
            kept.append(line)
    return kept


def _parameter(line: str) -> str:
    return "" if line[:1] in ("#", " ", "\t") else line.partition("=")[0].strip()


def _find(value: str) -> tuple[int, int] | None:
    """Start and end of the first reference."""
    for reference in REFERENCES:
        start = value.find(reference)
        while start >= 0:
            end = start + len(reference)
            # `$mailfleet_paused_too` is another parameter.
            if reference[-1] in "})" or end == len(value) or value[end] not in _NAME:
                return start, end
            start = value.find(reference, end)
    return None
