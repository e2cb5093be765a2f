"""A step of a booted machine's test: Postfix logs to the journal alone for a while."""

import base64
import gzip
import json
import tempfile
from pathlib import Path

from agent import clock
from demo.grammar import Form
from tests.journal_bed import RealJournal
from tests.maillog_bed import Log
from tests.vps_bed import Machine, wait_for
from tests.vps_hub import Hub

CONFIG = "/etc/mailfleet/agent.toml"
AGENT, USER = "mailfleet-agent.service", "mailfleet-agent"
MESSAGES = 3
FOREIGN = f"/var/log/journal/{'f' * 32}"
# Of the agent's own account, as it is committed.
COUNTED = """import sqlite3
state = sqlite3.connect("/var/lib/mailfleet/agent/state.db")
print(state.execute("SELECT coalesce(sum(sent), 0) FROM cells").fetchone()[0])
"""
# Follows as the daemon does, beside it, and tells how many seconds each line took.
TIMED = """import json, socket, tempfile, threading, time
from bisect import bisect_left
from pathlib import Path
import anyio
from agent import clock
from agent.filewatch import FileWatch
from agent.maillog import pace
from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs, Use
from agent.maillog.tally_whose import Whose
from agent.state import State

state = State.open(Path(tempfile.mkdtemp()) / "state.db", now=clock.now())
account = Accounting(Logs(use=Use.JOURNAL), state, whose=Whose("198.51.100.9"))
watch = FileWatch(lambda: account.watched)
written, counted, times = [], [], []

def look():
    found = account.step(clock.now())
    counted.append(account.lines_read)
    times.append(time.monotonic())
    return found

def write():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect("/dev/log")
        for number in range(LINES):
            log.send(b"<22>postfix/qmgr[7]: 4F9D19%05X: removed" % number)
            written.append(time.monotonic())
            time.sleep(0.0437)

async def run():
    look()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pace.follow, look, watch)
        await anyio.to_thread.run_sync(write)
        with anyio.move_on_after(5):
            while counted[-1] < LINES:
                await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()

anyio.run(run)
print(json.dumps([times[bisect_left(counted, n)] - at for n, at in enumerate(written, 1)]))
"""
PYTHON = "/opt/mailfleet/agent/current/bin/python"
LINES = 100
SECONDS_MAX = 0.2
OF_TEN = 9  # a busy machine


def count(vps: Machine, hub: Hub) -> None:
    """The hardened unit counts by the journal what no file has, and goes back to the file."""
    given = vps.read(CONFIG)
    assert 'log = "/var/log/mail.log"' in given
    assert "systemd-journal" in vps.run("id", "-Gn", USER).split()
    vps.write(CONFIG, given.replace('log = "/var/log/mail.log"', 'log = "journal"'))
    vps.run("systemctl", "stop", "rsyslog.service", "syslog.socket")
    vps.run("systemctl", "restart", AGENT)
    vps.wait_until("the journal", USER, "status")
    checked = vps.run("runuser", "-u", USER, "--", USER, "check")
    assert "the journal can be read" in checked, checked
    before = counted(vps)
    put_foreign_journal(vps)
    for number in range(MESSAGES):
        to = f"journal{number}@sink.test"
        vps.run("sendmail", "-f", "a@mx1.vps.test", to, stdin="Subject: x\n\nx\n")
    wait_for(lambda: counted(vps) == before + MESSAGES, seconds=20)
    look_soon(vps)
    vps.write(CONFIG, given)
    vps.run("systemctl", "start", "syslog.socket", "rsyslog.service")
    vps.run("systemctl", "restart", AGENT)
    wait_for(lambda: told(hub) == before + MESSAGES, seconds=20)
    assert "journal0@sink.test" not in vps.read("/var/log/mail.log")
    vps.wait_until("/var/log/mail.log", USER, "status")


def look_soon(vps: Machine) -> None:
    """journald tells its readers by a timer of 250 ms: it is not waited for."""
    script = TIMED.replace("LINES", str(LINES))
    words = ("runuser", "-u", USER, "--", PYTHON, "-c", script)
    seconds = sorted(json.loads(vps.run(*words, seconds=60)))
    assert len(seconds) == LINES
    assert seconds[LINES * OF_TEN // 10] <= SECONDS_MAX, seconds[LINES // 2 :]


def put_foreign_journal(vps: Machine) -> None:
    """Another machine's, as systemd-journal-remote(8) or a container leaves it: not ours."""
    with tempfile.TemporaryDirectory() as place:
        journal = RealJournal(Path(place) / "journal")
        journal.write(Log(Path(place), form=Form.RFC3339, start=clock.now()).lines(5))
        packed = gzip.compress((journal.folder / "system.journal").read_bytes())
    vps.run("mkdir", FOREIGN)
    words = ("sh", "-c", 'base64 -d | gzip -d >"$0"', f"{FOREIGN}/system.journal")
    vps.run(*words, stdin=base64.b64encode(packed).decode())


def counted(vps: Machine) -> int:
    return int(vps.run("runuser", "-u", USER, "--", "python3", "-c", COUNTED))


def told(hub: Hub) -> int:
    """As the collector has it."""
    rows = hub.cli("node", "show", "mx1")["totals"]
    return sum(row["attempts"].get("sent", 0) for row in rows)
