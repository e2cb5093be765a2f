"""The repository as syntax trees: modules by dotted name, and what each imports.

Reads files; judges nothing.
"""

import ast
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("agent", "collector", "deliverability", "demo", "protos", "benchmarks")
GENERATED = ("protos/fleet_pb2.py", "protos/fleet_pb2_grpc.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file. `path` is relative to the tree's root."""

    name: str
    path: str
    text: str
    syntax: ast.Module
    nodes: tuple[ast.AST, ...]  # all of them: a walk takes longer than reading the file

    @property
    def lines(self) -> int:
        return self.text.count("\n")


Tree = dict[str, Module]


def load(root: Path, folders: tuple[str, ...] = PRODUCT) -> Tree:
    """Every hand-written Python file below the folders, by dotted name."""
    paths = (path for folder in folders for path in sorted((root / folder).rglob("*.py")))
    with _without_collections():
        modules = [
            _module(root, path)
            for path in paths
            if path.relative_to(root).as_posix() not in GENERATED
        ]
    return {module.name: module for module in modules}


@contextmanager
def _without_collections() -> Iterator[None]:
    """Half the time goes into looking for garbage among a million nodes, none of which is any."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _module(root: Path, path: Path) -> Module:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text()
    syntax = ast.parse(text)
    return Module(
        name=name,
        path=relative.as_posix(),
        text=text,
        syntax=syntax,
        nodes=tuple(ast.walk(syntax)),
    )


def imports(module: Module, tree: Tree) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of all it imports, wherever in the file; names from a package are
    resolved to the package's module where there is one. A relative import is resolved too."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield (whole if whole in tree else source), node.lineno


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    if not module.path.endswith("__init__.py"):
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *(node.module or "").split(".")]).strip(".")
