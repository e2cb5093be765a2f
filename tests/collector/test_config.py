"""The collector's configuration: what may stand in it; all that is wrong is said at once."""

from pathlib import Path

import pytest

from collector import config as configuration
from collector.config import Config, ConfigError
from deliverability.catalogue import SHIPPED
from deliverability.zones import ZEN

LEAST = {"fleet": "example.org", "names": ["collector.example.org"]}
KEY = "abcdefghij0123456789"


def parse(**more: object) -> Config:
    return configuration.parse(LEAST | more, origin="c.toml")


def test_two_keys_are_enough() -> None:
    config = parse()
    assert (config.https_port, config.enrolment_port, config.fleet_port) == (7440, 7441, 7442)
    assert config.state == Path("/var/lib/mailfleet/collector")
    assert config.zones == ("zen.spamhaus.org",)


@pytest.mark.parametrize(
    "tree, said",
    [
        ({}, "c.toml: fleet: missing"),
        (LEAST | {"color": 1}, "c.toml: color: unknown key"),
        (LEAST | {"listen": {"htps": 1}}, "c.toml: listen.htps: unknown key"),
        (LEAST | {"listen": 7440}, "c.toml: listen: unknown key"),
        (LEAST | {"listen": {"https": "7440"}}, "c.toml: listen.https: expected a number"),
        (LEAST | {"listen": {"https": True}}, "c.toml: listen.https: expected a number"),
        (LEAST | {"listen": {"https": 70000}}, "listen.https: 70000 is not within 0 to 65535"),
        (LEAST | {"listen": {"https": 7442}}, "listen.fleet: 7442 is already listen.https"),
        (LEAST | {"listen": {"address": "here"}}, "listen.address: not an IP address: 'here'"),
        (LEAST | {"names": []}, "names: 0 entries"),
        (LEAST | {"names": "a.example"}, "names: expected a list, found str"),
        (LEAST | {"names": ["a b"]}, "names: not a DNS name or IP address: 'a b'"),
        (LEAST | {"fleet": "Example Org"}, "fleet: not a fleet's name"),
        (LEAST | {"state": "var/lib"}, "state: not an absolute path: 'var/lib'"),
        (LEAST | {"socket": "/" + "s" * 200}, "socket: longer than the 107 bytes"),
        (LEAST | {"socket_group": "a:b"}, "socket_group: not a group's name"),
        (LEAST | {"dns": {"nameservers": ["dns.google"]}}, "dns.nameservers: 'dns.google'"),
        (LEAST | {"dns": {"nameservers": ["9.9.9.9:0"]}}, "a port is 1 to 65535"),
        (
            LEAST | {"dns": {"zones": ["bl.example"]}},
            "dns.zones: 'bl.example' is not in the catalogue",
        ),
    ],
)
def test_what_is_wrong_is_named(tree: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        configuration.parse(tree, origin="c.toml")
    assert said in str(refused.value)


def test_all_problems_at_once() -> None:
    tree = {"names": [], "listen": {"https": -1}, "x": 1}
    with pytest.raises(ConfigError) as refused:
        configuration.parse(tree, origin="c.toml")
    assert len(refused.value.problems) == 4  # and fleet is missing


def test_what_is_rendered_reads_back(tmp_path: Path) -> None:
    config = parse(
        names=["a.example", "192.0.2.1", "2001:db8::1"],
        state=str(tmp_path),
        listen={"https": 1440, "address": "::"},
        dns={"nameservers": ["127.0.0.1:5302", "[::1]:53"]},
    )
    path = tmp_path / "c.toml"
    path.write_text(configuration.render(config))
    assert configuration.load(path) == config
    assert "# fleet = 7442" in path.read_text()


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mailfleet init"):
        configuration.load(tmp_path / "none.toml")


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"fleet = \xff")
    with pytest.raises(ConfigError, match=r"c\.toml"):
        configuration.load(path)


def test_the_zone_key_comes_from_a_credential_first(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "dqs_key").write_text(KEY + "\n")
    (tmp_path / "dqs_key").write_text("ofthefile1")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "MAILFLEET_DQS_KEY": "oftheenviron"}
    path = tmp_path / "c.toml"
    for expected in (KEY, "oftheenviron", "ofthefile1"):
        key = configuration.zone_keys(path, environ).of(ZEN)
        assert key is not None
        assert key.reveal() == expected
        environ = dict(list(environ.items())[1:])
    (tmp_path / "dqs_key").unlink()
    assert not configuration.zone_keys(path, {})


def test_each_operator_has_a_key_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "abusix_key").write_text("ofabusix1\n")
    keys = configuration.zone_keys(tmp_path / "c.toml", {"MAILFLEET_SPAMRATS_KEY": "ofrats1"})
    abusix, rats = (
        keys.of(SHIPPED[name]) for name in ("combined.mail.abusix.zone", "spam.spamrats.com")
    )
    assert abusix is not None
    assert rats is not None
    assert (abusix.reveal(), rats.reveal(), keys.of(ZEN)) == ("ofabusix1", "ofrats1", None)
    assert keys.names == ("abusix_key", "spamrats_key")


def test_a_wrong_zone_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        configuration.zone_keys(tmp_path / "c.toml", {"MAILFLEET_DQS_KEY": "not.a.label"})
    assert "not.a.label" not in str(refused.value)
