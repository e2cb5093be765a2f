"""The configuration: defaults, bounds, and every problem at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent import config
from agent.config import AgentConfig, ConfigError
from deliverability.catalogue import CATALOGUE
from deliverability.nameservers import Nameserver
from deliverability.zones import ZEN

WHOLE = """
[collector]
host = "collector.example"
name = "fleet.example"
enrolment_port = 17441
fleet_port = 17442
https_port = 17440

[node]
state = "/srv/agent"
machine_id = "/srv/machine-id"
hostname = "mx1.example"
addresses = ["198.51.100.7", "2001:db8::7"]
services = ["postfix@-", "redis-server.service"]

[postfix]
log = "/srv/mail.log"
queue = "/srv/spool"
helper = "/srv/helper.sock"

[dns]
nameservers = ["127.0.0.1:5302", "::1"]
zones = ["zen.spamhaus.org."]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return path


def test_a_host_is_enough(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, '[collector]\nhost = "collector.example"'))
    assert loaded == AgentConfig(collector_host="collector.example")
    assert loaded.state_file == Path("/var/lib/mailfleet/agent/state.db")
    assert loaded.collector.target(7442) == "collector.example:7442"


def test_every_key_is_read(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, WHOLE))
    assert loaded == AgentConfig(
        collector_host="collector.example",
        collector_name="fleet.example",
        enrolment_port=17441,
        fleet_port=17442,
        https_port=17440,
        state=Path("/srv/agent"),
        machine_id=Path("/srv/machine-id"),
        hostname="mx1.example",
        addresses=("198.51.100.7", "2001:db8::7"),
        services=("postfix@-", "redis-server.service"),
        log=("/srv/mail.log",),
        queue=Path("/srv/spool"),
        helper=Path("/srv/helper.sock"),
        nameservers=(Nameserver("127.0.0.1", 5302), Nameserver("::1")),
        zones=("zen.spamhaus.org",),
    )


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        speed = 3
        [collector]
        hots = "x"
        fleet_port = 70000
        https_port = "7440"
        enrolment_port = true
        [node]
        state = "relative"
        addresses = ["mx1", "198.51.100.7"]
        services = "postfix"
        [dns]
        zones = ["unknown.example"]
        nameservers = []
        """,
    )
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    problems = caught.value.problems
    keys = [
        *("speed", "collector.hots", "collector.fleet_port", "collector.https_port"),
        *("collector.enrolment_port", "node.state", "node.addresses", "node.services"),
        *("dns.zones", "dns.nameservers", "collector.host"),
    ]
    assert sorted(keys) == sorted(problem.split(": ")[1] for problem in problems)
    assert all(problem.startswith(str(path)) for problem in problems)


@pytest.mark.parametrize(
    "line",
    [
        'host = "two words"',
        'host = "-x"',
        'host = ""',
        "host = 7",
        'host = "x"\nname = "a/b"',
        'host = "x"\nfleet_port = 0',
    ],
)
def test_bad_values_of_the_collector(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError):
        config.load(written(tmp_path, f"[collector]\n{line}"))


@pytest.mark.parametrize("text", ["[collector", "\xff", "collector = 3", ""])
def test_what_is_no_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert all(str(path) in problem for problem in caught.value.problems)


def test_a_missing_file_is_named_unless_the_collector_is_given(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigError, match="no such file"):
        config.load(path)
    assert config.load(path, collector="given.example").collector_host == "given.example"


@pytest.mark.parametrize(
    "value, expected",
    [
        ('"/var/log/mail*.log"', ("/var/log/mail*.log",)),
        ('["/a.log", "/b/*.log", "/a.log"]', ("/a.log", "/b/*.log")),
        ('"journal"', ("journal",)),
        ('["journal"]', ("journal",)),
    ],
)
def test_one_log_several_or_the_journal(
    tmp_path: Path, value: str, expected: tuple[str, ...]
) -> None:
    text = f'[collector]\nhost = "x"\n[postfix]\nlog = {value}'
    assert config.load(written(tmp_path, text)).log == expected


@pytest.mark.parametrize(
    "value", ['"mail.log"', "[]", "7", '["/a.log", "journal"]', str([f"/{n}" for n in range(17)])]
)
def test_what_is_no_log(tmp_path: Path, value: str) -> None:
    text = f'[collector]\nhost = "x"\n[postfix]\nlog = {value}'
    with pytest.raises(ConfigError, match=r"postfix\.log"):
        config.load(written(tmp_path, text))


def test_the_same_address_twice(tmp_path: Path) -> None:
    text = '[collector]\nhost = "x"\n[node]\naddresses = ["192.0.2.1", "192.0.2.1"]'
    with pytest.raises(ConfigError, match="twice"):
        config.load(written(tmp_path, text))


def test_where_the_file_is() -> None:
    assert config.place({}) == Path("/etc/mailfleet/agent.toml")
    assert config.place({"MAILFLEET_CONFIG": "/srv/a.toml"}) == Path("/srv/a.toml")


def test_the_zone_key_comes_from_a_credential_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "dqs_key").write_text("abcdefghijklmnop\n")
    keys = config.zone_keys(
        {
            "CREDENTIALS_DIRECTORY": str(tmp_path),
            "MAILFLEET_DQS_KEY": "other",
            "MAILFLEET_ABUSIX_KEY": "third",
        }
    )
    key, other = keys.of(ZEN), keys.of(CATALOGUE["combined.mail.abusix.zone"])
    assert key is not None
    assert other is not None
    assert (key.reveal(), other.reveal()) == ("abcdefghijklmnop", "third")
    assert "abcdefgh" not in repr(key) + repr(keys)
    assert keys.hidden("see ABCDEFGHIJKLMNOP.zen") == "see <key>.zen"
    assert not config.zone_keys({})
    with pytest.raises(ConfigError) as caught:
        config.zone_keys({"MAILFLEET_DQS_KEY": "not a key!"})
    assert "not a key!" not in str(caught.value)


@pytest.mark.parametrize("text", ["[collector]\nhots = 1\n[dns]\nzones = 3\n", ""])
def test_a_bad_configuration_ends_with_2_and_all_problems(tmp_path: Path, text: str) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "agent.daemon"],
        env={"MAILFLEET_CONFIG": str(config), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2
    assert "collector.host" in done.stderr
    if text:
        assert "collector.hots" in done.stderr
        assert "dns.zones" in done.stderr
