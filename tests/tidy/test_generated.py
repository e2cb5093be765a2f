"""What is made from something else is in step with it: protos, exports, the wheel."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tomllib

from tests.tidy import tree

BIN = Path(sys.executable).parent
EXPORTS = {
    "agent": ("--no-dev",),
    "collector": ("--no-dev", "--extra", "collector"),
    "collector-apprise": ("--no-dev", "--extra", "collector", "--extra", "notify"),
    "build": ("--only-group", "build"),
    "setup": ("--only-group", "setup"),
}
SHIPPED_ELSEWHERE = {"benchmarks", "tests"}


def run(*command: str) -> str:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    finished = subprocess.run(
        command, cwd=tree.ROOT, env=environment, capture_output=True, text=True, timeout=50
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def differing(made: Path, kept: Path) -> list[str]:
    """Names of the files below `made` that `kept` lacks or has otherwise."""
    return [
        path.name
        for path in sorted(made.iterdir())
        if not (kept / path.name).exists() or path.read_bytes() != (kept / path.name).read_bytes()
    ]


def test_generated_code_is_in_step_with_the_proto(tmp_path: Path) -> None:
    run("tests/tools/protos.sh", str(tmp_path))
    made = tmp_path / "protos"
    assert len(list(made.iterdir())) == 4
    assert differing(made, tree.ROOT / "protos") == [], "make protos"


def test_generated_code_out_of_step_is_seen(tmp_path: Path) -> None:
    for folder in ("made", "kept"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text("x = 1\n")
        (tmp_path / folder / "other.py").write_text(f"{folder} = 1\n")
    (tmp_path / "made/new.py").touch()
    assert differing(tmp_path / "made", tmp_path / "kept") == ["new.py", "other.py"]


@pytest.mark.parametrize("name", EXPORTS)
def test_hashed_requirements_are_in_step_with_the_lock(name: str) -> None:
    export = ("uv", "export", "--quiet", "--locked", "--offline", "--no-emit-project")
    made = run(*export, "--no-header", *EXPORTS[name])
    kept = (tree.ROOT / f"installer/requirements-{name}.txt").read_text()
    assert kept == made, "make exports"
    assert kept.count("--hash=sha256:") > kept.count("==") > 0


def forgotten(root: Path, shipped: set[str]) -> set[str]:
    """Files of the product's packages, data included, that are not in the wheel."""
    packages = {path.parent.name for path in root.glob("*/__init__.py")} - SHIPPED_ELSEWHERE
    files = {
        path.relative_to(root).as_posix()
        for package in packages
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return files - shipped


def test_the_wheel_ships_every_package_with_its_data(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    assert "protos/fleet.proto" in shipped
    assert forgotten(tree.ROOT, shipped) == set()
    assert not {name.split("/")[0] for name in shipped} & SHIPPED_ELSEWHERE


def test_a_forgotten_data_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "deliverability").mkdir()
    (tmp_path / "deliverability/__init__.py").touch()
    (tmp_path / "deliverability/zones.tsv").touch()
    assert forgotten(tmp_path, {"deliverability/__init__.py"}) == {"deliverability/zones.tsv"}


def test_base_dependencies_are_the_agents_and_the_rest_needs_3_11() -> None:
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["collector"]
    assert all(line.endswith("python_version >= '3.11'") for line in extra)
    kept_out = ("aiohttp", "aiosqlite", "alembic", "pydantic", "rich", "sqlalchemy", "httpx")
    assert not [line for line in project["dependencies"] if line.startswith(kept_out)]
