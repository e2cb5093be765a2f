"""Every value of the policy does something: a rule somewhere reads it from the policy in force."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from collector.core.policy import Policy
from tests.tidy import tree
from tests.tidy.tree import Module

# What describes, bounds, keeps, shows or tries out a policy uses none of it.
UNCOUNTED = ("collector.core.policy", "collector.operate.policy", "collector.operate.simulate")
# By these names a policy goes; `ears` is the one by which silence is judged.
NAMES = ("policy", "ears")


def is_in_force(value: ast.expr) -> bool:
    """`policy`, `case.policy`, `self._policy()`, `read_policy(connection)`; no policy made of
    defaults."""
    if isinstance(value, ast.Call):
        value = value.func
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return str(name).endswith(NAMES)


def read_of(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and is_in_force(node.value):
            yield node.attr


def unread(root: Path) -> list[str]:
    modules = tree.load(root, ("collector",)).values()
    read = {
        name
        for module in modules
        if not module.name.startswith(UNCOUNTED)
        for name in read_of(module)
    }
    return sorted({one.name for one in fields(Policy)} - read)


def test_every_value_is_read() -> None:
    assert unread(tree.ROOT) == []


def test_one_that_is_not_is_seen(tmp_path: Path) -> None:
    (tmp_path / "collector").mkdir()
    rule = "def f(case, policy): return Policy().cpu_alert, case.policy.rise_times, policy.revision"
    (tmp_path / "collector/rule.py").write_text(rule)
    missing = unread(tmp_path)
    assert "deferral_alert" in missing
    assert not {"rise_times", "revision"} & set(missing)
