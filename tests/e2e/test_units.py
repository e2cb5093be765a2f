"""The units as systemd itself judges them, without starting anything."""

import re
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
# The helper must be root to steer Postfix: its score is what that leaves, and must not grow.
LIMITS = {"agent": 1.5, "collector": 2.0, "helper": 2.4}
EXPOSURE = re.compile(r"Overall exposure level for \S+: ([\d.]+)")
# Ubuntu 22.04's systemd is 249: what came later would be ignored there, with a warning.
LATER_THAN_249 = (
    "RestartSteps",
    "RestartMaxDelaySec",
    "LoadCredentialEncrypted",
    "ImportCredential",
)


def settings(role: str) -> list[tuple[str, str]]:
    lines = (SYSTEMD / f"mailfleet-{role}.service").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return [(name, value) for name, _, value in pairs]


def analyze(*words: str) -> str:
    done = subprocess.run(
        ("systemd-analyze", *words),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_COLORS": "0", "SYSTEMD_EMOJI": "0"},
    )
    return done.stdout + done.stderr


def test_every_unit_has_its_limit() -> None:
    assert {f"mailfleet-{role}.service" for role in LIMITS} == {
        path.name for path in SYSTEMD.glob("*.service")
    }


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("role", sorted(LIMITS))
def test_exposure(role: str) -> None:
    said = analyze("security", "--offline=true", str(SYSTEMD / f"mailfleet-{role}.service"))
    found = EXPOSURE.search(said)
    assert found is not None, said
    assert float(found[1]) <= LIMITS[role], said


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("role", sorted(LIMITS))
def test_systemd_understands_every_line(role: str) -> None:
    said = analyze("verify", str(SYSTEMD / f"mailfleet-{role}.service"))
    strange = [line for line in said.splitlines() if "is not executable" not in line]
    assert not strange, said


@pytest.mark.parametrize("role", sorted(LIMITS))
def test_units_say_when_they_are_ready_and_never_give_up(role: str) -> None:
    found = dict(settings(role))
    assert found["Type"] == "notify"
    assert found["StartLimitIntervalSec"] == "0"
    assert ("WatchdogSec" in found) == (role != "helper")
    assert not {name for name, _ in settings(role)} & set(LATER_THAN_249)


def test_a_missing_key_stops_no_unit() -> None:
    """LoadCredential= of a file that is not there does: the installer writes it, with the key."""
    for role in LIMITS:
        assert "LoadCredential" not in dict(settings(role))


def test_the_helper_is_there_before_postfix() -> None:
    before = dict(settings("helper"))["Before"].split()
    assert {"postfix@-.service", "postfix.service", "mailfleet-agent.service"} <= set(before)
