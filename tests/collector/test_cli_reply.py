"""`mailfleet reply explain`: without a collector, for people and for programs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector.cli.root import root

YAHOO = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred"
FIELDS = {
    *("class", "fault", "receiver", "smtp", "enhanced", "meaning", "remedy", "rule", "source"),
    *("dated", "text"),
}


@pytest.fixture(autouse=True)
def _no_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(tmp_path / "nowhere.toml"))


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(root, ["reply", "explain", *arguments], input=given)


def test_the_table() -> None:
    result = run(YAHOO)
    assert result.exit_code == 0, result.stderr
    words = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert words["class"] == "rate_limited"
    assert words["receiver"] == "yahoo"
    assert words["rule"] == 'yahoo, "tss04"'


def test_json_and_words_without_quotes() -> None:
    result = run("-o", "json", *YAHOO.split())
    found = json.loads(result.stdout)
    assert found.keys() == FIELDS
    assert (found["class"], found["fault"], found["smtp"]) == ("rate_limited", "rate", "421")
    assert found["text"] == YAHOO


def test_a_reply_of_several_lines_from_stdin() -> None:
    given = b"550-5.7.1 this message is likely\r\n550 5.7.1 unsolicited mail \xff gsmtp\r\n"
    found = json.loads(run("-", "-o", "json", given=given).stdout)
    assert (found["receiver"], found["class"]) == ("google", "content")


@pytest.mark.parametrize(
    "name, receiver",
    [
        ("yahoo", "yahoo"),
        ("GMAIL.com", "google"),
        ("mx1.mail.icloud.com", "apple"),
        ("mail.firm.example", "firm.example"),
        ("local", "local"),
    ],
)
def test_the_receiver_by_name_or_domain(name: str, receiver: str) -> None:
    found = json.loads(run("550 x", "--receiver", name, "-o", "json").stdout)
    assert found["receiver"] == receiver


@pytest.mark.parametrize(
    "arguments, said",
    [((), "TEXT"), (("  ",), "no text"), (("550 x", "--receiver", "blub"), "one of 163, apple")],
)
def test_how_it_is_misused(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
