"""Durable files: written under a temporary name, synced, renamed, and checked against a checksum when read.

A crash at any instant leaves the old file or the new one, never half of one. A flipped bit is noticed on load.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from handspun.errors import DamagedFileError, DiskFullError

MANIFEST = "manifest.json"
READ_BYTES = 1 << 20
HASHING_THREADS = 4
"""Files hashed at a time; hashing lets other threads run."""


@contextmanager
def disk_errors(path: Path, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn "no space left" into a sentence that says how much is free, and how much is needed where that is known."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
        free_mib = shutil.disk_usage(folder).free / 2**20
        needed = f"{needed_bytes / 2**20:,.1f} MiB needed, " if needed_bytes else ""
        raise DiskFullError(
            f"no room to write {path}: {needed}{free_mib:,.1f} MiB free; free some space, or choose another folder (--run, "
            f"of an index --name), then run the same command again (what was saved before is still there)."
        ) from error


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def durable_writer(path: Path, needed_bytes: int | None = None) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` whole, or not at all. Raises DiskFullError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with disk_errors(path, needed_bytes):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` durably. Raises DiskFullError."""
    with durable_writer(path, needed_bytes=len(data)) as file:
        file.write(data)


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file, read a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """The hex SHA-256 of a JSON value in its canonical spelling (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object that carries its own checksum under the key "sha256". Raises DiskFullError."""
    sealed = {**value, "sha256": sha256_of_json(dict(value))}
    write_bytes(path, (json.dumps(sealed, indent=2, ensure_ascii=False) + "\n").encode())


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a text could not be read, in plain words."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start:,} is not UTF-8"
    return (error.strerror or str(error)).lower()


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote. Raises DamagedFileError where a byte of it has changed."""
    try:
        value = json.loads(path.read_bytes())
        checksum = value.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedFileError(
            f"{path} is damaged or was not written by handspun ({error}); delete it and run again."
        ) from error
    if checksum != sha256_of_json(value):
        raise DamagedFileError(f"{path} is damaged: its checksum does not match its content; delete it and run again.")
    return value


def seal_folder(folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write `folder`/manifest.json: the size and SHA-256 of every file below, next to `facts` about them."""
    entries = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    }
    write_json(folder / MANIFEST, {**(facts or {}), "files": entries})


def read_manifest(folder: Path) -> dict[str, Any]:
    """The facts and file entries of a sealed folder. Raises DamagedFileError where there is no whole manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DamagedFileError(f"{folder} has no {MANIFEST}: it was not written to its end; delete it and run again.")
    return read_json(path)


def verify_folder(folder: Path) -> dict[str, Any]:
    """Check every file of a sealed folder and return its manifest. Raises DamagedFileError naming the first bad file."""
    manifest = read_manifest(folder)

    def verify(entry: tuple[str, Mapping[str, Any]]) -> None:
        name, facts = entry
        verify_file(folder / name, bytes_expected=facts["bytes"], sha256_expected=facts["sha256"])

    with ThreadPoolExecutor(max_workers=HASHING_THREADS) as threads:
        for _ in threads.map(verify, manifest["files"].items()):
            pass
    return manifest


def verify_file(path: Path, *, bytes_expected: int, sha256_expected: str) -> None:
    """Raise DamagedFileError unless `path` has exactly the size and content that were recorded when it was written."""
    if not path.is_file():
        raise DamagedFileError(f"{path} is missing; delete its folder and run again.")
    if (size := path.stat().st_size) != bytes_expected:
        raise DamagedFileError(
            f"{path} is damaged: {size:,} bytes instead of {bytes_expected:,}; delete its folder and run again."
        )
    if sha256(path) != sha256_expected:
        raise DamagedFileError(f"{path} is damaged: its SHA-256 has changed; delete its folder and run again.")
