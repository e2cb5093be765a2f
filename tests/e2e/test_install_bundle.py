"""What an operator carries to a machine: one archive, made from the checkout."""

import tarfile
from pathlib import Path

from tests import vps_images

CHECKOUT = vps_images.CHECKOUT
ROLES = ("agent", "collector", "collector-apprise")


def bundle(folder: Path) -> Path:
    return Path(vps_images.run("installer/bundle.sh", str(folder), seconds=60).strip())


def test_it_holds_all_an_installer_needs(tmp_path: Path) -> None:
    with tarfile.open(bundle(tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        owners = {member.uid for member in archive.getmembers()}
    wheels = {name for name in names if name.endswith(".whl")}
    units = {f"systemd/{path.name}" for path in (CHECKOUT / "systemd").iterdir()}
    scripts = {f"installer/install-{role}.sh" for role in ("agent", "collector")}
    hashes = {f"installer/requirements-{role}.txt" for role in ROLES}
    assert len(wheels) == 1
    assert units | scripts | hashes | {"installer/steps.sh"} <= names
    assert owners == {0}


def test_the_same_checkout_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = bundle(tmp_path / "a"), bundle(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
