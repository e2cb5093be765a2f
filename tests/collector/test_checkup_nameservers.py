"""What `doctor` says of the nameservers nodes tried."""

import pytest

from collector.operate.checkup import _nodes_nameservers
from collector.ports import Row


def node(name: str, *states: str) -> Row:
    tried = [
        {"nameserver": f"10.0.0.{n}:53", "state": state, "why": "because", "checked_at": ""}
        for n, state in enumerate(states)
    ]
    return {"name": name, "latest": {"nameservers": tried}}


@pytest.mark.parametrize("state", ["rewrites", "refused", "silent", "public"])
def test_one_that_is_not_to_be_believed_is_named(state: str) -> None:
    check = _nodes_nameservers([node("mta-1", "good"), node("mta-2", "good", state)])
    assert (check.state, check.details) == ("warn", (f"mta-2: 10.0.0.1:53 {state}: because",))
    assert check.text == "3 tried by nodes, 1 not to be believed about blocklists"
    assert "recursive resolver" in check.remedy


def test_nodes_that_say_nothing_of_it_are_no_trouble() -> None:
    silent: list[Row] = [{"name": "old", "latest": None}, {"name": "older", "latest": {}}]
    check = _nodes_nameservers([*silent, node("mta-1", "good")])
    assert (check.state, check.details, check.remedy) == ("ok", (), "")


def test_a_fleet_of_bad_ones_fits_a_screen() -> None:
    check = _nodes_nameservers([node(f"mta-{n}", "refused") for n in range(500)])
    assert len(check.details) == 20
    assert "500 not to be believed" in check.text
