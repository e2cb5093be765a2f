"""Calls, words and file names that have no place here."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from tests.tidy.tree import Module, Tree

OUTSIDE = ("demo.*", "demo", "benchmarks.*", "tests.*")
CLOCKS = ("agent.clock", "agent.daemon", "collector.adapters.clock", "collector.cli.*")
JITTER = ("agent.backoff", "agent.uplink", "agent.outset", "agent.daemon")
# A task outside the daemon's group: kept, and awaited before the loop ends.
TASKS = ("collector.adapters.store.writer",)
# Dotted call -> where it may stand all the same.
CALLS: dict[str, tuple[str, ...]] = {
    "print": ("collector.cli.*", "agent.__main__", *OUTSIDE),
    "datetime.datetime.now": (*CLOCKS, *OUTSIDE),
    "datetime.datetime.utcnow": (),
    "datetime.datetime.today": (),
    "datetime.date.today": (),
    "time.time": (*CLOCKS, *OUTSIDE),
    "time.time_ns": (*CLOCKS, *OUTSIDE),
    "random.*": (*JITTER, *OUTSIDE),
    "asyncio.ensure_future": ("benchmarks.*", "tests.*"),
    "*.create_task": (*TASKS, "benchmarks.*", "tests.*"),
    "os.system": (),
    "os.popen": (),
    "subprocess.getoutput": (),
    "subprocess.getstatusoutput": (),
    "asyncio.create_subprocess_shell": (),
    "eval": (),
    "exec": (),
}
# One `except Exception` a process, atop its supervised task.
PROCESSES = ("agent", "collector.cli", "collector", "demo")

MODULE_NAMES = frozenset(("utils", "util", "helpers", "common", "manager", "base", "misc"))
WORDS = re.compile(
    "|".join(
        (
            *(r"\bTODO\b", r"\bFIXME\b", r"\bXXX\b", r"\bNotImplemented"),
            r"(?i:\bfor now\b(?!(?:, \w+)+ in ))",  # but `for now, then in pairs` is code
            r"(?i:\bsimplified\b|\bplaceholder|\bphase \d|\bissue #?\d)",
            r"/[w]ork/|\bpypi\.org|\bpythonhosted",
        )
    )
)
UNSEARCHED = ("uv.lock", "tests/corpus/*", "*.png", "*.gz", "*.bin", "protos/fleet_pb2*")


def check_calls(tree: Tree) -> list[str]:
    """One sentence for every banned call, and for a daemon's second catch-all."""
    complaints = [complaint for module in tree.values() for complaint in _calls(module)]
    handlers = Counter(
        next((process for process in PROCESSES if module.name.startswith(process)), "")
        for module in tree.values()
        for node in module.nodes
        if _catches_all(node)
    )
    return complaints + [
        f"{process}: `except Exception` {handlers[process]} times, once at most"
        for process in PROCESSES
        if handlers[process] > 1
    ]


def _calls(module: Module) -> Iterator[str]:
    origin = _origins(module)
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func, origin)
        for pattern, places in CALLS.items():
            if fnmatchcase(name, pattern) and not _fits(module.name, places):
                yield f"{module.path}:{node.lineno}: {name}() has no place here"
                break
        if any(word.arg == "shell" and not _is_false(word.value) for word in node.keywords):
            yield f"{module.path}:{node.lineno}: {name}() with a shell"


def _origins(module: Module) -> dict[str, str]:
    """Local name -> what it was imported as, so that aliases do not hide a call."""
    origin: dict[str, str] = {}
    for node in module.nodes:
        if isinstance(node, ast.Import):
            origin |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            origin |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return origin


def _dotted(function: ast.expr, origin: dict[str, str]) -> str:
    if isinstance(function, ast.Name):
        return origin.get(function.id, function.id)
    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value, origin)}.{function.attr}"
    return "?"


def _catches_all(node: ast.AST) -> bool:
    """Also `suppress(Exception)`, which catches all and says nothing; but not a handler that tidies
    up and lets the same exception go on."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        kinds: list[ast.expr | None] = [*node.args]
    elif isinstance(node, ast.ExceptHandler) and not _goes_on(node.body[-1]):
        kinds = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
    else:
        return False
    names = {kind and ast.unparse(kind) for kind in kinds}
    return bool(names & {"Exception", "BaseException", None})


def _goes_on(last: ast.stmt) -> bool:
    return isinstance(last, ast.Raise) and last.exc is None


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def check_names(paths: Iterable[str]) -> list[str]:
    """One sentence for every module or folder named for nothing."""
    return [
        f"{path}: a module is named for what it owns"
        for path in paths
        if MODULE_NAMES & {PurePath(part).stem for part in PurePath(path).parts}
    ]


def check_words(root: Path, paths: Iterable[str]) -> list[str]:
    """One sentence for every banned word in the files named, relative to root."""
    return [
        f"{path}:{number}: says {found.group()!r}"
        for path in paths
        if not _fits(path, UNSEARCHED)
        for number, line in enumerate((root / path).read_text("utf-8", "replace").splitlines(), 1)
        if (found := WORDS.search(line))
    ]
