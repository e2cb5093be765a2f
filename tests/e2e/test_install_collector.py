"""install-collector.sh on a fresh, booted machine, and a node beside it on the same one."""

import re
from collections.abc import Iterator

import pytest

from tests import vps_bed, vps_images
from tests.vps_bed import Machine

pytestmark = [
    pytest.mark.needs("root", "systemd-nspawn", "mmdebstrap", "ip"),
    # The first run of a week makes the machine's image.
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("vps"),
]

INSTALLER = "/srv/mailfleet/installer"
WHEELS = ("--wheelhouse", "/srv/wheels")
UNIT = "mailfleet-collector.service"
STATE = "/var/lib/mailfleet/collector"
CONNECTED = ('"connected": true', "mailfleet", "node", "ls", "-o", "json")
COMMAND = re.compile(r"MAILFLEET_TOKEN=(mft1\.\S+) (installer/install-agent\.sh --collector \S+)")
EXPOSURE = re.compile(r"Overall exposure level for \S+: ([\d.]+)")


@pytest.fixture
def vps() -> Iterator[Machine]:
    image = vps_images.root(vps_images.suites()[0])
    with vps_bed.network() as net, net.machine("hub1", image=image) as made:
        yield made


def install(vps: Machine, *options: str, status: int = 0) -> str:
    words = (f"{INSTALLER}/install-collector.sh", *options)
    return vps.run(*words, seconds=150, status=status)


def test_a_collector_from_nothing_to_nothing(vps: Machine) -> None:
    named = ("--name", vps.address, "--fleet", "vps.test", *WHEELS)
    assert "none made" in install(vps, *named, "--dry-run")
    said = install(vps, *named)
    assert vps.is_active(UNIT)
    assert "admin token" in said, said
    apprise_when_asked_for(vps)

    look_hardened(vps)
    operators_need_no_token(vps)
    invocation = vps.run("systemctl", "show", "-p", "InvocationID", UNIT)
    assert install(vps, *WHEELS).strip() == "nothing to change"
    assert vps.run("systemctl", "show", "-p", "InvocationID", UNIT) == invocation
    a_node_beside_it(vps, said)
    vps.reboot()
    assert vps.is_active(UNIT)
    vps.wait_until(*CONNECTED, seconds=60)
    remove(vps)


def apprise_when_asked_for(vps: Machine) -> None:
    """And it stays: the next run without the option changes nothing."""
    python = "/opt/mailfleet/collector/current/bin/python"
    vps.run(python, "-c", "import apprise", status=1)
    assert "installing mailfleet" in install(vps, *WHEELS, "--with-apprise")
    vps.run(python, "-c", "import apprise")


def look_hardened(vps: Machine) -> None:
    found = EXPOSURE.search(vps.run("systemd-analyze", "security", UNIT))
    assert found is not None
    assert float(found[1]) <= 2.0, found
    assert vps.run("systemctl", "show", "-p", "User", "--value", UNIT).strip() == (
        "mailfleet-collector"
    )
    assert vps.run("find", STATE, "-not", "-user", "mailfleet-collector") == ""
    assert vps.run("stat", "-c", "%a", STATE).strip() == "700"
    journal = vps.run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat")
    assert '"level": "error"' not in journal, journal


def operators_need_no_token(vps: Machine) -> None:
    assert "0 nodes" in vps.run("mailfleet", "status")
    vps.run("useradd", "--groups", "mailfleet", "olga")
    assert "0 nodes" in vps.run("runuser", "-u", "olga", "--", "mailfleet", "status")
    vps.run("useradd", "stranger")
    vps.run("runuser", "-u", "stranger", "--", "mailfleet", "status", status=5)
    # Who may use the socket may not put another in its place, nor in the helper's.
    vps.run("runuser", "-u", "olga", "--", "rm", "/run/mailfleet/collector.sock", status=1)


def a_node_beside_it(vps: Machine, said: str) -> None:
    """By the very line the installation showed."""
    found = COMMAND.search(said)
    assert found is not None, said
    words = (*found[2].split(), "--address", vps.address, "--no-wait", *WHEELS)
    environ = ("env", f"MAILFLEET_TOKEN={found[1]}", "sh", "-c", 'cd /srv/mailfleet && "$0" "$@"')
    vps.run(*environ, *words, seconds=150)
    vps.wait_until(*CONNECTED, seconds=30)
    # Neither role took the shared folder from the other.
    assert vps.run("stat", "-c", "%a %G", "/run/mailfleet").strip() == "1775 mailfleet"
    assert vps.is_active(UNIT)


def remove(vps: Machine) -> None:
    said = install(vps, "--uninstall")
    assert "stay: the fleet's CA" in said, said
    for kept in ("journal.db", "master.key", "ca"):
        vps.run("test", "-e", f"{STATE}/{kept}")
    vps.run("test", "!", "-e", "/opt/mailfleet/collector")

    install(vps, "--uninstall", "--purge")
    vps.run("test", "!", "-e", STATE)
    assert vps.is_active("mailfleet-agent.service"), "the node beside it stays"
    assert "mailfleet-collector" not in vps.read("/etc/passwd")
    vps.run("test", "-d", "/run/mailfleet")
