"""The archives under a bundle's `lib/`: the runtime as a wheel, and the local modules that a notebook imports.

Both are stored with fixed times, in sorted order and uncompressed: the same files give the same bytes on every
machine (compressed bytes differ between zlib builds).
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import alur_nb

# Not `alur-nb`: the wheel holds a part of that package, and pip must not take it for the whole.
DISTRIBUTION = "alur-nb-runtime"
MODULES_ARCHIVE = "modules.zip"

# The first moment that a zip file can name.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_RECORD = "RECORD"


def write_runtime_wheel(folder: Path, version: str = alur_nb.__version__) -> Path:
    """Write the installed `alur_nb.runtime` as a wheel into `folder` and return its path.

    No build tool runs: the wheel is made from the package's own files, whether installed or a checkout.
    """
    stem = f"{DISTRIBUTION.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        **_runtime_files(),
        f"{info}/METADATA": _metadata(version).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: alur-nb\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/{_RECORD}"
    return write_archive(
        folder / f"{stem}-py3-none-any.whl", {**files, record: _record(files, record).encode()}
    )


def write_modules(folder: Path, root: Path, modules: Iterable[Path]) -> Path | None:
    """Write local modules, named relative to `root` (the folder they are imported from), as one archive.

    Returns None, and writes nothing, where there are none.
    """
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in modules}
    return write_archive(folder / MODULES_ARCHIVE, files) if files else None


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip archive whose bytes depend on the names and contents alone; RECORD comes last, as wheels want."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=lambda name: (name.endswith(f".dist-info/{_RECORD}"), name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return path


def _runtime_files() -> dict[str, bytes]:
    package = Path(alur_nb.__file__).parent
    paths = [package / "__init__.py", package / "py.typed", package / "runtime" / "log4j2.properties"]
    paths += (package / "runtime").rglob("*.py")
    return {path.relative_to(package.parent).as_posix(): path.read_bytes() for path in paths}


def _metadata(version: str) -> str:
    # No Requires-Dist: pyspark and boto3 are Glue's own, at versions that a job must not change.
    return (
        "Metadata-Version: 2.1\n"
        f"Name: {DISTRIBUTION}\n"
        f"Version: {version}\n"
        "Summary: The part of alur-nb that runs inside a job.\n"
        "License: MIT\n"
        "Requires-Python: >=3.11\n"
    )


def _record(files: Mapping[str, bytes], record: str) -> str:
    lines = [f"{name},sha256={_digest(files[name])},{len(files[name])}" for name in sorted(files)]
    return "\n".join([*lines, f"{record},,"]) + "\n"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
