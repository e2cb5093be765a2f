"""How long a file, a function and a parameter list may be."""

import ast
import statistics
from collections.abc import Iterator

from tests.tidy.tree import Module, Tree

FILE_LINES_MAX = 300
FILE_LINES_MAX_WITH_REASON = 400
FILE_LINES_MEDIAN_MAX = 150
FUNCTION_LINES_MAX = 50
PARAMETERS_MAX = 5
POSITIONAL_MAX = 2
# `now` ends the parameters of every rule of the core and may be given by position; so may the
# three of `may_send`, whose types differ.
NOT_COUNTED = ("now",)
THREE_APART = ("may_send",)
REASON = "# long: "
REASON_WITHIN_LINES = 5

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check(tree: Tree) -> list[str]:
    """One sentence for everything too long."""
    return [complaint for module in tree.values() for complaint in _check_module(module)]


def median(tree: Tree) -> float:
    """Of the lengths of files that hold anything."""
    return statistics.median(module.lines for module in tree.values() if module.lines)


def _check_module(module: Module) -> Iterator[str]:
    has_reason = any(
        line.startswith(REASON) and line.removeprefix(REASON).strip()
        for line in module.text.splitlines()[:REASON_WITHIN_LINES]
    )
    limit = FILE_LINES_MAX_WITH_REASON if has_reason else FILE_LINES_MAX
    if module.lines > limit:
        yield f"{module.path}: {module.lines} lines, limit {limit}"
    is_test = module.name.startswith("tests.")
    for node in module.nodes:
        if isinstance(node, Function):
            place = f"{module.path}:{node.lineno}: {node.name}"
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{place}: {length} lines, limit {FUNCTION_LINES_MAX}"
            # A test's parameters are its fixtures; dunder signatures are Python's.
            if not is_test and not node.name.startswith("__"):
                yield from _check_parameters(place, node)


def _check_parameters(place: str, function: Function) -> Iterator[str]:
    arguments = function.args
    positional = [
        argument
        for argument in arguments.posonlyargs + arguments.args
        if argument.arg not in ("self", "cls")
    ]
    count = len(positional) + len(arguments.kwonlyargs)
    if count > PARAMETERS_MAX:
        yield f"{place}: {count} parameters, limit {PARAMETERS_MAX}"
    counted = [argument for argument in positional if argument.arg not in NOT_COUNTED]
    # A private function's callers stand beside it; only mixing up two of one type is dangerous.
    is_private = function.name.startswith("_")
    if len(counted) > POSITIONAL_MAX and not is_private and function.name not in THREE_APART:
        yield f"{place}: {len(counted)} positional parameters, keyword-only after the second"
    types = [ast.dump(argument.annotation) for argument in positional if argument.annotation]
    if len(types) != len(set(types)):
        yield f"{place}: two positional parameters of one type: make them keyword-only"
