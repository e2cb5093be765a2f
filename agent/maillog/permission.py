"""Why a log cannot be read, in words that say what to do. Changes nothing."""

import grp
import os
from pathlib import Path


def explain(error: OSError, path: Path) -> str:
    """One sentence; of a refusal it names the group to join."""
    if not isinstance(error, PermissionError):
        return f"cannot read {path}: {error.strerror or error}"
    try:
        group = grp.getgrgid(path.stat().st_gid).gr_name
        mode = path.stat().st_mode
    except (OSError, KeyError):
        group, mode = "adm", 0o040
    if group == "root" or not mode & 0o040:
        group = "adm"
        cure = f"let the group adm read it (chgrp adm {path}; chmod g+r {path}), and "
    else:
        cure = ""
    return f"cannot read {path}: permission denied; {cure}{join(group)}"


def explain_folder(folder: str) -> str:
    """Of a folder whose files cannot even be listed."""
    return explain(PermissionError(), Path(folder))


def join(group: str) -> str:
    return f"add the user with id {os.geteuid()} to the group {group}"
