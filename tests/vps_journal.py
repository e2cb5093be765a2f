"""A step of a booted machine's test: Postfix logs to the journal alone for a while.

Within the agent's sandbox /proc tells the kernel's own boot id, not the one systemd-nspawn made up:
to journalctl all entries are of another boot, as after a reboot.
"""

from tests.vps_bed import Machine, wait_for
from tests.vps_hub import Hub

CONFIG = "/etc/mailfleet/agent.toml"
AGENT, USER = "mailfleet-agent.service", "mailfleet-agent"
MESSAGES = 3
# Of the agent's own account, as it is committed.
COUNTED = """import sqlite3
state = sqlite3.connect("/var/lib/mailfleet/agent/state.db")
print(state.execute("SELECT coalesce(sum(sent), 0) FROM cells").fetchone()[0])
"""


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
    for number in range(MESSAGES):
        to = f"journal{number}@sink.test"
        vps.run("sendmail", "-f", "a@mx1.vps.test", to, stdin="Subject: x\n\nx\n")
    wait_for(lambda: counted(vps) == before + MESSAGES, seconds=20)
    vps.write(CONFIG, given)
    vps.run("systemctl", "start", "syslog.socket", "rsyslog.service")
    vps.run("systemctl", "restart", AGENT)
    wait_for(lambda: told(hub) == before + MESSAGES, seconds=20)
    assert "journal0@sink.test" not in vps.read("/var/log/mail.log")
    vps.wait_until("/var/log/mail.log", USER, "status")


def counted(vps: Machine) -> int:
    return int(vps.run("runuser", "-u", USER, "--", "python3", "-c", COUNTED))


def told(hub: Hub) -> int:
    """As the collector has it."""
    rows = hub.cli("node", "show", "mx1")["totals"]
    return sum(row["attempts"].get("sent", 0) for row in rows)
