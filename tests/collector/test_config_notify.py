"""How the file says people are reached: every mistake is named, and no secret stands in it."""

from pathlib import Path
from typing import Any

import pytest
import tomllib

from collector import config, config_notify
from collector.config import ConfigError
from collector.config_notify_text import EXAMPLE
from collector.core.channels import Alertmanager, Apprise, Route, Smtp, Webhook
from collector.core.model import Severity

HEAD = 'fleet = "fleet.test"\nnames = ["localhost"]\n'
SMTP = (
    '[notify.channels.ops]\nkind = "smtp"\nhost = "relay.example.net"\n'
    'sender = "mf@example.net"\nto = ["ops@example.net"]\n'
)


def parsed(text: str) -> config.Config:
    return config.parse(tomllib.loads(HEAD + text), origin="collector.toml")


def uncommented() -> str:
    """The example as somebody would use it."""
    lines = (line.removeprefix("# ") for line in EXAMPLE.splitlines() if line != "#")
    return "\n".join(line for line in lines if "=" in line or line.startswith("["))


def test_the_example_is_right_as_it_stands() -> None:
    made = parsed(uncommented())
    assert [type(one) for one in made.channels] == [Smtp, Webhook, Alertmanager, Apprise]
    assert made.routes == (
        Route(channels=("pager",), severity=Severity.HIGH),
        Route(channels=("ops",), pools=("default",)),
    )
    again = config.parse(tomllib.loads(config.render(made)), origin="again")
    assert again == made
    assert EXAMPLE in config.render(parsed(""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notify = 1\n", "notify: unknown key"),
        ("[notify]\nchannels = 1\n", "notify.channels: expected tables, found int"),
        ("[notify]\nrouts = 1\n", "notify.routs: unknown key"),
        ('[notify.channels.A]\nkind = "smtp"\n', "A: a channel's name"),
        ("[notify.channels.a]\n", "a: kind: one of webhook, smtp, alertmanager, apprise"),
        ('[notify.channels.a]\nkind = "pigeon"\n', "a: kind: one of"),
        ("[notify.channels]\na = 1\n", "a: expected a table"),
        ('[notify.channels.a]\nkind = "webhook"\n', "a: url: missing"),
        ('[notify.channels.a]\nkind = "webhook"\nurl = "http://x.example/"\n', "url: https, or"),
        ('[notify.channels.a]\nkind = "webhook"\nurl = "ftp://x"\n', "not an http or https"),
        (
            '[notify.channels.a]\nkind = "webhook"\nurl = "https://u:hunter2@x.example"\n',
            "holds no password",
        ),
        ('[notify.channels.a]\nkind = "webhook"\nurl = "https://x:99999"\n', "url: Port"),
        ('[notify.channels.a]\nkind = "apprise"\nurl = "slack://s"\n', "url: unknown key"),
        (SMTP + 'password = "x"\n', "ops: password: unknown key"),
        (SMTP + 'security = "none"\n', "security: none is only for a relay on this machine"),
        (SMTP + 'security = "no"\n', "security: one of"),
        (SMTP + "port = 0\n", "port: expected a number"),
        (SMTP + "port = true\n", "port: expected a number"),
        (SMTP + 'ca = ""\n', "ca: expected 1 to 255"),
        (SMTP + "ca = 1\n", "ca: expected text, found int"),
        (SMTP.replace('["ops@example.net"]', "[]"), "to: expected 1 to 64 entries"),
        (SMTP.replace('["ops@example.net"]', '"ops"'), "to: expected a list"),
        (SMTP.replace("ops@example.net", "ops"), "to: not a mail address: 'ops'"),
        (SMTP.replace("relay.example.net", "relay example"), "host: not a DNS name"),
        ("[notify]\nroutes = 1\n", "notify.routes: expected a list"),
        ("[notify]\nroutes = [1]\n", "route 1: expected a table"),
        (SMTP + "[[notify.routes]]\n", "route 1: channels: missing"),
        (SMTP + '[[notify.routes]]\nchannels = ["x"]\n', "no channel has the name 'x'"),
        (
            SMTP + '[[notify.routes]]\nchannels = ["ops"]\nseverity = "dire"\n',
            "severity: one of high, medium, low",
        ),
        (
            "".join(f'[notify.channels.c{n}]\nkind = "apprise"\n' for n in range(33)),
            "33 channels, more than 32",
        ),
        (
            SMTP + '[[notify.routes]]\nchannels = ["ops"]\n' * 65,
            "65 routes, more than 64",
        ),
    ],
)
def test_every_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(text)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_channel_that_needs_apprise_says_how_to_get_it() -> None:
    known = parsed(SMTP + '[notify.channels.on-call]\nkind = "apprise"\n').channels
    assert config_notify.unequipped(known, has=lambda _: True) == []
    (said,) = config_notify.unequipped(known, has=lambda _: False)
    assert said.startswith("notify.channels.on-call: apprise is not installed: run install-")
    assert config_notify.unequipped(known[:1], has=lambda _: False) == []


def test_a_secret_comes_from_outside_and_nothing_shows_it(tmp_path: Path) -> None:
    known = parsed(SMTP + '[notify.channels.on-call]\nkind = "apprise"\n').channels
    place = tmp_path / "collector.toml"
    assert config_notify.secrets(known, place, environ={}) == {}
    (tmp_path / "notify_ops").write_text("of the file\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    found: list[dict[str, str]] = []

    def look(environ: dict[str, str]) -> None:
        secrets = config_notify.secrets(known, place, environ=environ)
        assert "of the" not in repr(secrets)
        found.append({name: one.reveal() for name, one in secrets.items()})

    look({})
    look({"MAILFLEET_NOTIFY_OPS": "of the variable", "MAILFLEET_NOTIFY_ON_CALL": "slack://x"})
    (credentials / "notify_ops").write_text("of the credential")
    (credentials / "notify_on-call").write_bytes(b"\xff\xfe")
    look({"CREDENTIALS_DIRECTORY": str(credentials), "MAILFLEET_NOTIFY_OPS": "of the variable"})
    expected: list[dict[str, Any]] = [
        {"ops": "of the file"},
        {"ops": "of the variable", "on-call": "slack://x"},
        {"ops": "of the credential"},
    ]
    assert found == expected
