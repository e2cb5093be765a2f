"""`mailfleet-agent check`: whether the log can be read, found out as the daemon would."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent import check
from agent.maillog.logs import Logs

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)


def test_a_log_that_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("Nov 22 08:59:00 mx1 postfix/master[1]: daemon started -- version 3.7.11\n")
    found = check.log_readable(Logs.of(log), NOW)
    assert found.is_right, found.text
    assert found.text == f"{log} can be read"


def test_an_empty_log_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.touch()
    assert check.log_readable(Logs.of(log), NOW).is_right


@pytest.mark.parametrize("name", ["none.log", "none/mail.log"])
def test_no_log_is_wrong(tmp_path: Path, name: str) -> None:
    found = check.log_readable(Logs.of(tmp_path / name), NOW)
    assert not found.is_right
    assert found.text.startswith(f"there is no log {tmp_path / name}")
    assert found.remedy
