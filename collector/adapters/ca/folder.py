"""The CA's folder: which roots are trusted, their keys sealed. Issues nothing.

`ca.json` names the roots, newest first; replacing it is the one step that changes what is
trusted, so a crash leaves the old order or the new one. Keys are 0600 and sealed besides.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collector.ports_identity import AuthorityError, Secrets, SecretsError

MANIFEST = "ca.json"
FILE_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One root certificate with its key. Generations count from 1."""

    generation: int
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def exists(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


def read(folder: Path, secrets: Secrets) -> tuple[str, tuple[Root, ...]]:
    """Fleet and roots, newest first. AuthorityError when anything is missing or damaged."""
    try:
        manifest = json.loads(_read(folder / MANIFEST))
        fleet, generations = str(manifest["fleet"]), [int(one) for one in manifest["roots"]]
        if not generations:
            raise ValueError("no roots")
        return fleet, tuple(_root(folder, one, secrets=secrets) for one in generations)
    except FileNotFoundError as error:
        raise AuthorityError(f"{error.filename}: no such file; mailfleet init makes it") from error
    except (OSError, ValueError, KeyError, TypeError, SecretsError) as error:
        raise AuthorityError(f"{folder}: {error}") from error


def write(folder: Path, fleet: str, *, roots: tuple[Root, ...], secrets: Secrets) -> None:
    """Makes these the trusted roots, newest first; files of others are removed afterwards."""
    try:
        for root in roots:
            _write_root(folder, root, secrets)
        order = {"fleet": fleet, "roots": [root.generation for root in roots]}
        replace(folder / MANIFEST, json.dumps(order).encode(), mode=0o644)
        kept = {_place(folder, root.generation, end) for root in roots for end in (".pem", ".key")}
        for path in folder.glob("root-*"):
            if path not in kept:
                path.unlink()
    except OSError as error:
        raise AuthorityError(f"{folder}: {error}") from error


def replace(path: Path, content: bytes, *, mode: int) -> None:
    """The whole content durably in place of what was there, or nothing changed. OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _place(folder: Path, generation: int, ending: str) -> Path:
    return folder / f"root-{generation}{ending}"


def _purpose(generation: int) -> str:
    return f"key of CA root {generation}"


def _root(folder: Path, generation: int, *, secrets: Secrets) -> Root:
    sealed = _read(_place(folder, generation, ".key"))
    plain = secrets.open(sealed, purpose=_purpose(generation))
    key = serialization.load_der_private_key(plain, password=None)
    certificate = x509.load_pem_x509_certificate(_read(_place(folder, generation, ".pem")))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"the key of root {generation} is not an elliptic-curve key")
    if key.public_key() != certificate.public_key():
        raise ValueError(f"key and certificate of root {generation} do not belong together")
    return Root(generation=generation, certificate=certificate, key=key)


def _write_root(folder: Path, root: Root, secrets: Secrets) -> None:
    plain = root.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    sealed = secrets.seal(plain, purpose=_purpose(root.generation))
    replace(_place(folder, root.generation, ".key"), sealed, mode=0o600)
    replace(_place(folder, root.generation, ".pem"), root.pem, mode=0o644)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if not 0 < len(content) <= FILE_BYTES_MAX:
        raise ValueError(f"{path.name} is empty or too large")
    return content
