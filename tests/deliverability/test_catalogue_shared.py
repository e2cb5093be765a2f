"""The catalogue against the owners' raw material: what we took otherwise, we say so here."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliverability import zones
from deliverability.catalogue import CATALOGUE
from deliverability.zones_shapes import Status, Zone

# Names the material writes with a key in them, or with words.
RENAMED = {
    "<KEY>.zen.dq.spamhaus.net": "zen.spamhaus.org",
    "<KEY>.authbl.dq.spamhaus.net": "authbl.dq.spamhaus.net",
    "<KEY>.combined.mail.abusix.zone": "combined.mail.abusix.zone",
    "invaluement ivmSIP (private zone)": "sip.invaluement.com",
}
# Zones it calls living: no nameserver answered in August 2026, or merged away.
DEAD_BY_NOW = {"relays.nether.net", "cbl.abuseat.org"}
# Answers it lists by and we do not, and why.
NOT_LISTING = {
    "list.dnswl.org": "a whitelist",
    "dnsbl.tornevall.org": "bits, tested by name below",
    "bl.suomispam.net": "codes above the test entry are nobody's word",
}


@pytest.fixture(scope="module")
def material(shared: Path) -> list[dict[str, str]]:
    path = shared / "data/dnsbl-catalogue.tsv"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the checkout: the comparison was not made")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > 100
    return rows


def ours(row: dict[str, str]) -> Zone:
    name = RENAMED.get(row["zone"], row["zone"])
    zone = CATALOGUE.by_name(name)
    assert zone is not None, f"{name} is not in the catalogue"
    return zone


def single_codes(text: str) -> Iterator[str]:
    """The codes written one by one; ranges and sentences are left to the tables of our own."""
    yield from re.findall(r"(?<![-\d.])127\.\d+\.\d+\.\d+(?![-/\d.])", text.split(" except")[0])


def test_every_zone_is_known(material: list[dict[str, str]]) -> None:
    assert all(ours(row) for row in material)


def test_the_dead_are_the_dead(material: list[dict[str, str]]) -> None:
    for row in material:
        is_dead = row["status"].startswith("dead") or row["zone"] in DEAD_BY_NOW
        assert (ours(row).status is Status.DEAD) == is_dead, row["zone"]


def test_what_it_never_enables_we_never_enable(material: list[dict[str, str]]) -> None:
    for row in material:
        if row["enable_by_default"] in {"no", "never", "yes-if-key", "yes-if-registered"}:
            assert not ours(row).is_enabled or row["zone"] in RENAMED, row["zone"]


def test_what_it_lists_by_lists(material: list[dict[str, str]]) -> None:
    compared = 0
    for row in material:
        zone = ours(row)
        if zone.name in NOT_LISTING or zone.status is Status.DEAD:
            continue
        for code in single_codes(row["listed_codes"]):
            compared += 1
            assert zone.code(code) is not None, (zone.name, code)
    assert compared > 60


def test_what_it_never_lists_by_does_not_pause(material: list[dict[str, str]]) -> None:
    for row in material:
        for code in single_codes(row["never_listed_codes"].split("(")[0]):
            said = zones.consequence(ours(row), [code])
            assert said is not zones.Consequence.PAUSE, (row["zone"], code)


def test_its_refusals_are_refusals(material: list[dict[str, str]]) -> None:
    for row in material:
        for code in single_codes(row["error_codes"]):
            why = zones.judge(ours(row), zones.Reply(addresses=(code,)))[1]
            assert why.startswith(f"refused {code}"), (row["zone"], code, why)
