"""Which address an instance's mail leaves from, by what postconf(1) says of master.cf."""

import shutil
from pathlib import Path

import pytest

from agent.maillog import parse
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from agent.model import CellKey
from agent.postfix import commands, pinning
from deliverability.replies import Outcome
from tests.agent.samples import NOW

MASTER = """
smtp       inet  n - y - - smtpd
smtp       unix  - - y - - smtp
relay      unix  - - y - - smtp -o syslog_name=postfix/$service_name
out-a      unix  - - y - - smtp -o syslog_name=pf-198.51.100.7 -o smtp_bind_address=198.51.100.7
out-b      unix  - - y - - smtp -o smtp_bind_address=198.51.100.8 -o syslog_name=out-${service_name}
six        unix  - - y - - smtp -o syslog_name=six -o smtp_bind_address6=[2001:0db8::7]
shared-a   unix  - - y - - smtp -o syslog_name=both -o smtp_bind_address=198.51.100.7
shared-b   unix  - - y - - smtp -o syslog_name=both -o smtp_bind_address=198.51.100.8
local      unix  - n n - - local
"""
PINNED = {
    "postfix": None,
    "postfix/relay": None,
    "pf-198.51.100.7": "198.51.100.7",
    "out-out-b": "198.51.100.8",
    "six": "2001:db8::7",
    "both": None,
}


def test_a_name_and_an_address_of_its_own_tell() -> None:
    found = pinning.pinned(MASTER.strip(), {"syslog_name": "postfix", "smtp_bind_address": ""})
    assert found == PINNED


def test_an_address_for_all_is_everybodys_who_has_no_other() -> None:
    common = {"syslog_name": "postfix", "smtp_bind_address": "198.51.100.9"}
    found = pinning.pinned(MASTER.strip(), common)
    assert (found["postfix"], found["postfix/relay"]) == ("198.51.100.9", "198.51.100.9")
    assert (found["out-out-b"], found["both"]) == ("198.51.100.8", None)


@pytest.mark.needs("postfix")
def test_as_postconf_prints_it(tmp_path: Path) -> None:
    folder = tmp_path / "postfix"
    shutil.copytree("/etc/postfix", folder)
    (folder / "master.cf").write_text(MASTER)
    (folder / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx7.example\n")
    place = ("-c", str(folder))
    told = commands.run("postconf", *place, "-x", *pinning.PARAMETERS)
    parameters = pinning.parse_parameters(told)
    assert parameters["myhostname"] == "mx7.example"
    assert pinning.pinned(commands.run("postconf", *place, "-M"), parameters) == PINNED


def test_mail_counts_for_the_address_it_left_from() -> None:
    line = (
        "Nov 22 09:33:50 mx1 {}/smtp[7]: 4cB1: to=<a@x.example>, relay=mx.x.example[192.0.2.1]:25,"
        " delay=1, delays=0/0/0.5/0.5, dsn=2.0.0, status=sent (250 ok)\n"
    )
    lines = "".join(map(line.format, ("out-a", "out-b", "out-b", "postfix"))).encode()
    by_instance = {b"out-a": "198.51.100.7", b"out-b": "198.51.100.8"}
    tally = Tally(Whose("", by_instance=by_instance), Known(), clock=LineClock(NOW))
    tally.fold(parse.parse_chunk(lines))
    counted = tally.counted()
    assert {cell.key: cell.attempts[Outcome.SENT] for cell in counted.cells} == {
        CellKey("198.51.100.7", "x.example", "out-a"): 1,
        CellKey("198.51.100.8", "x.example", "out-b"): 2,
        CellKey("", "x.example", "postfix"): 1,
    }
    assert {one.address: one.attempts for one in counted.history} == {
        "198.51.100.7": 1,
        "198.51.100.8": 2,
        "": 1,
    }
