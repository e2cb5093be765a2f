"""install-agent.sh on a fresh, booted machine: hardened, reporting, paused over a reboot, and gone.

The machine's Postfix, rsyslog and systemd are the distribution's; the collector is the checkout's.
"""

import re
from collections.abc import Iterator

import anyio
import pytest

from tests import vps_bed, vps_images, vps_journal
from tests.vps_bed import HUB, Machine, wait_for
from tests.vps_hub import SINK_PORT, Hub

pytestmark = [
    pytest.mark.needs("root", "systemd-nspawn", "mmdebstrap", "ip", "rbldnsd", "postfix"),
    pytest.mark.needs("systemd-journal-remote"),
    # The first run of a week makes the machine's image.
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("vps"),
]

INSTALL = "/srv/mailfleet/installer/install-agent.sh"
FROM_WHEELS = ("--wheelhouse", "/srv/wheels")
UNITS = ("mailfleet-agent.service", "mailfleet-helper.service")
CONFIG = "/etc/mailfleet/agent.toml"
EXPOSURE = re.compile(r"Overall exposure level for \S+: ([\d.]+)")


@pytest.fixture
def net() -> Iterator[vps_bed.Network]:
    with vps_bed.network() as made:
        yield made


@pytest.fixture
def hub(net: vps_bed.Network) -> Iterator[Hub]:
    made = Hub(net)
    anyio.run(made.found)
    with made.running():
        yield made


@pytest.fixture(params=vps_images.suites()[:1])
def vps(net: vps_bed.Network, hub: Hub, request: pytest.FixtureRequest) -> Iterator[Machine]:
    with net.machine("mx1", image=vps_images.root(request.param)) as made:
        made.run("postconf", "-e", f"relayhost=[{HUB}]:{SINK_PORT}", "myhostname=mx1.vps.test")
        # One of its own, as people write it: the helper must see it from inside its sandbox.
        made.run("postconf", "-e", f"inet_interfaces={made.address}")
        made.run("systemctl", "restart", "postfix.service")
        yield made


def install(vps: Machine, *options: str, token: str = "", status: int = 0) -> str:
    options = (*options, "--token-file", "-") if token else options
    return vps.run(INSTALL, *FROM_WHEELS, *options, stdin=token, seconds=120, status=status)


def install_anew(vps: Machine, *options: str, token: str, status: int = 0) -> str:
    first = ("--collector", HUB, "--address", vps.address)
    return install(vps, *first, *options, token=token, status=status)


def mail_log(vps: Machine) -> list[str]:
    return vps.read("/var/log/mail.log").splitlines()


def send(vps: Machine, to: str) -> str:
    """The line that says what became of the message."""
    vps.run("sendmail", "-f", "a@mx1.vps.test", to, stdin="Subject: x\n\nx\n")
    wait_for(lambda: bool(outcomes(vps, to)))
    return outcomes(vps, to)[-1]


def outcomes(vps: Machine, to: str) -> list[str]:
    return [line for line in mail_log(vps) if f"to=<{to}>" in line and "status=" in line]


def invocations(vps: Machine) -> str:
    return vps.run("systemctl", "show", "-p", "InvocationID", *UNITS)


def exists(vps: Machine, path: str) -> bool:
    return vps.run("sh", "-c", 'test -e "$0" && echo yes || echo no', path) == "yes\n"


def test_a_node_from_nothing_to_nothing(vps: Machine, hub: Hub) -> None:
    token = hub.token()
    assert "none made" in install_anew(vps, "--dry-run", token=token)
    assert not exists(vps, "/opt/mailfleet")
    said = install_anew(vps, token=token)
    assert "the collector has acknowledged a heartbeat" in said, said
    secret = token.split(".")[1]
    assert secret not in said + vps.run("journalctl", "--no-pager")
    assert hub.node("mx1")["liveness"] == "fresh"
    assert hub.node("mx1")["status"] == "active"

    look_hardened(vps)
    run_again(vps)
    vps_journal.count(vps, hub)
    pause(vps, hub)
    reboot(vps, hub)
    work_within_the_sandbox(vps)
    keep_a_key(vps)
    remove(vps)


@pytest.mark.soak
@pytest.mark.parametrize("vps", vps_images.suites()[1:], indirect=True)
def test_the_other_release_pauses_too(vps: Machine, hub: Hub) -> None:
    """Another systemd, Python and Postfix: sandboxes and units differ in what they take away."""
    said = install_anew(vps, token=hub.token())
    assert "the collector has acknowledged a heartbeat" in said, said
    look_hardened(vps)
    vps_journal.count(vps, hub)
    pause(vps, hub)


def look_hardened(vps: Machine) -> None:
    limits = dict(zip(UNITS, (1.5, 2.5), strict=True))
    for unit, limit in limits.items():
        found = EXPOSURE.search(vps.run("systemd-analyze", "security", unit))
        assert found is not None, unit
        assert float(found[1]) <= limit, found
    user = vps.run("systemctl", "show", "-p", "User", "--value", UNITS[0]).strip()
    assert user == "mailfleet-agent"
    groups = vps.run("id", "-Gn", user).split()
    assert {"adm", "postdrop"} <= set(groups), groups
    checked = vps.run("runuser", "-u", user, "--", "mailfleet-agent", "check")
    assert "WRONG" not in checked, checked
    assert exists(vps, "/opt/mailfleet/agent/current/bin/mailfleet-agent")
    assert vps.run("find", "/opt/mailfleet", "-path", "*/agent/__pycache__/daemon.*") != ""


def run_again(vps: Machine) -> None:
    before = invocations(vps)
    assert install(vps).strip() == "nothing to change"
    said = install(vps, "--collector", HUB, token="mft1.anything")
    assert "token was not used" in said, said
    assert "nothing to change" in said, said
    assert invocations(vps) == before
    refused = install(vps, "--collector", "10.9.9.9", status=2)
    assert f"{CONFIG} is here already" in refused, refused


def pause(vps: Machine, hub: Hub) -> None:
    assert "status=sent" in send(vps, "before@sink.test")
    for words in (("pool", "act", "default"), ("node", "pause", "mx1")):
        hub.cli(*words, "--reason", "test", "--max-affected", "1")
    vps.wait_until("(silent)", "mailfleet-agent", "status")
    assert "reload -- version" in "\n".join(mail_log(vps)[-10:])
    assert "smtp" in vps.run("postconf", "-xh", "defer_transports")
    assert "status=deferred (deferred transport)" in send(vps, "during@sink.test")
    assert hub.node("mx1")["status"] == "paused"


def reboot(vps: Machine, hub: Hub) -> None:
    lines = len(mail_log(vps))
    boot = vps.read("/proc/sys/kernel/random/boot_id")
    run = vps.run("mailfleet-agent", "status", "-o", "json")
    vps.reboot()
    assert all(vps.is_active(unit) for unit in UNITS)
    vps.wait_until("connected; paused", "mailfleet-agent", "status", seconds=30)
    assert vps.run("mailfleet-agent", "status", "-o", "json") != run, boot
    assert "status=deferred" in send(vps, "after@sink.test")
    since = mail_log(vps)[lines:]
    assert any("daemon started" in line for line in since)
    assert not [line for line in since if "status=sent" in line]
    wait_for(lambda: hub.node("mx1")["liveness"] == "fresh", seconds=20)
    assert hub.node("mx1")["status"] == "paused"


def work_within_the_sandbox(vps: Machine) -> None:
    """cryptography, gRPC and the event loop, and the question about units, under every restriction
    of the agent's own unit."""
    unit = vps.read(f"/etc/systemd/system/{UNITS[0]}").replace("Type=notify", "Type=oneshot")
    asked = "mailfleet-agent renew\nExecStart=systemctl show -p ActiveState postfix.service"
    unit = unit.replace("mailfleet-agent run", asked)
    unit = re.sub(r"(?m)^(WatchdogSec|Restart)=.*\n", "", unit)
    vps.write("/run/systemd/system/work.service", unit)
    before = vps.run("readlink", "/var/lib/mailfleet/agent/identity")
    vps.run("systemctl", "daemon-reload")
    vps.run("systemctl", "start", "work.service")
    assert vps.run("readlink", "/var/lib/mailfleet/agent/identity") != before
    assert "ActiveState=active" in vps.run("journalctl", "-u", "work.service", "-o", "cat")
    vps.wait_until("connected", "mailfleet-agent", "status")


def keep_a_key(vps: Machine) -> None:
    vps.write("/root/key", " S3cretDqsKey \n")
    given = ("--dqs-key-file", "/root/key", "--no-wait")
    assert "restarting mailfleet-agent.service" in install(vps, *given)
    assert vps.run("stat", "-c", "%a %U", "/etc/mailfleet/dqs_key").strip() == "600 root"
    assert vps.read(f"/run/credentials/{UNITS[0]}/dqs_key") == "S3cretDqsKey\n"
    vps.wait_until("connected", "mailfleet-agent", "status")
    assert install(vps, *given).strip() == "nothing to change"
    assert install(vps).strip() == "nothing to change"
    assert "S3cretDqsKey" not in vps.run("journalctl", "--no-pager")


def remove(vps: Machine) -> None:
    said = vps.run(INSTALL, "--uninstall", seconds=60)
    assert "this node is PAUSED by mailfleet and stays so" in said, said
    assert not exists(vps, "/opt/mailfleet")
    assert not exists(vps, "/usr/local/bin/mailfleet-agent")
    assert exists(vps, "/var/lib/mailfleet/agent/identity")
    assert "status=deferred" in send(vps, "removed@sink.test")

    said = vps.run(INSTALL, "--uninstall", "--purge", "--resume-postfix", seconds=60)
    assert "resuming Postfix" in said, said
    assert vps.run("postconf", "-h", "defer_transports").strip() == ""
    vps.run("postqueue", "-f")
    wait_for(lambda: "status=sent" in outcomes(vps, "during@sink.test")[-1], seconds=20)
    for path in ("/etc/mailfleet", "/var/lib/mailfleet", "/run/mailfleet"):
        assert not exists(vps, path), path
    assert "mailfleet" not in vps.read("/etc/passwd")
    assert vps.run(INSTALL, "--uninstall", seconds=60).strip() == "nothing to change"


def test_what_cannot_be_is_refused_and_nothing_changes(vps: Machine, hub: Hub) -> None:
    assert "no join token was given" in install_anew(vps, token="", status=2)
    assert "no collector is named" in install(vps, token="x", status=2)
    assert "unknown option" in install(vps, "--colector", HUB, status=2)
    assert "not a host name" in install(vps, "--collector", 'x"y', token="x", status=2)
    release = vps.read("/etc/os-release")
    vps.write("/etc/os-release", 'ID=debian\nVERSION_ID="11"\n')
    assert "this is debian 11" in install_anew(vps, token="x", status=4)
    vps.write("/etc/os-release", release)
    vps.run("systemctl", "stop", "rsyslog.service", "syslog.socket")
    said = install_anew(vps, "--dry-run", token="x")
    assert "would: installing rsyslog" in said, said
    vps.run("systemctl", "start", "rsyslog.service")
    assert not exists(vps, "/opt/mailfleet")
    assert not exists(vps, "/etc/mailfleet")
    refuse_wrong_hashes(vps)
    refuse_tokens(vps, hub)


def refuse_wrong_hashes(vps: Machine) -> None:
    vps.run("cp", "-r", "/srv/mailfleet", "/root/tampered")
    requirements = "/root/tampered/installer/requirements-agent.txt"
    wrong = re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", vps.read(requirements))
    vps.write(requirements, wrong)
    words = ("--collector", HUB, "--address", vps.address, "--token-file", "-")
    tampered = "/root/tampered/installer/install-agent.sh"
    said = vps.run(tampered, *FROM_WHEELS, *words, stdin="x", seconds=120, status=1)
    assert "DO NOT MATCH THE HASHES" in said, said
    assert not exists(vps, "/opt/mailfleet/agent/current")


def refuse_tokens(vps: Machine, hub: Hub) -> None:
    token = hub.token()
    used = install_anew(vps, "--no-wait", token=token.replace("mft1.", "mft1.A", 1)[:-1], status=6)
    assert "token" in used, used
    install_anew(vps, "--no-wait", token=token)
    again = install(vps, "--again", token=token, status=5)
    assert "refused" in again, again
    assert all(vps.is_active(unit) for unit in UNITS), "the node keeps the identity it had"
    open_unusual_places(vps)
    upgrade(vps)


def open_unusual_places(vps: Machine) -> None:
    """The helper's sandbox follows Postfix to where its folders are."""
    vps.run("install", "-d", "-o", "postfix", "/data/postfix")
    vps.run("postconf", "-e", "data_directory=/data/postfix")
    said = install(vps, "--no-wait")
    assert "restarting mailfleet-helper.service" in said, said
    assert "-/data/postfix" in vps.run("systemctl", "show", "-p", "ReadWritePaths", UNITS[1])
    vps.run("postconf", "-X", "data_directory")
    install(vps, "--no-wait")
    assert "/data" not in vps.run("systemctl", "show", "-p", "ReadWritePaths", UNITS[1])


def upgrade(vps: Machine) -> None:
    """Another wheel: built beside the old one, which stays to go back to."""
    wheel = vps.run("sh", "-c", "ls /root/tampered/*.whl").strip()
    change = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'a').comment = b'another'"
    vps.run("python3", "-c", change, wheel)
    before = vps.run("readlink", "/opt/mailfleet/agent/current").strip()
    said = install(vps, "--wheel", wheel, "--no-wait")
    assert all(f"restarting {unit}" in said for unit in UNITS), said
    assert vps.run("readlink", "/opt/mailfleet/agent/current").strip() != before
    kept = vps.run("ls", "/opt/mailfleet/agent/releases").split()
    assert len(kept) == 2
    assert before.removeprefix("releases/") in kept
    vps.wait_until("connected", "mailfleet-agent", "status")
