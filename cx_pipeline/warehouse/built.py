"""What the working files were built from: `warehouse/built.json`, and beside dbt's inputs the batches of that
build.

Both are written when dbt and its tests are done.  A build that does not come to its end leaves them as they
are: the next one folds in whatever has changed since the last that did, which is the same again and more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths
from cx_pipeline.warehouse.inputs import BUILT_BATCHES, remember_built_batches

_WORKING_FILES = ("working.duckdb", "cx.duckdb")


@dataclass(frozen=True, slots=True)
class Built:
    """Fingerprints of the project (models, contract, settings) and of the data (batches, verdicts)."""

    project: str
    data: str


def _path(paths: DataPaths) -> Path:
    return paths.warehouse / "built.json"


def read_built(paths: DataPaths) -> Built | None:
    """What the working files hold, or None where no build has finished or one of them is gone."""
    if not all((paths.warehouse / name).exists() for name in _WORKING_FILES):
        return None
    try:
        return Built(**json.loads(_path(paths).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def remember_built(paths: DataPaths, built: Built) -> None:
    """The working files are whole."""
    remember_built_batches(paths.warehouse, built.data)
    write_whole(_path(paths), json.dumps(asdict(built)).encode())


def data_fingerprint(paths: DataPaths) -> str:
    """Changes with every landed batch and every verdict."""
    from cx_pipeline.landing import list_batches

    digest = hashlib.sha256()
    for batch in list_batches(paths):  # not the files: packing them changes no row
        digest.update(batch.file_name.encode())
    for path in sorted((paths.state / "verdicts").glob("*.json")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def delete_working_files(paths: DataPaths) -> None:
    """Delete the working databases: the next build starts from landing."""
    _path(paths).unlink(missing_ok=True)
    (paths.warehouse / "inputs" / BUILT_BATCHES).unlink(missing_ok=True)
    for name in _WORKING_FILES:
        for suffix in ("", ".wal"):
            (paths.warehouse / f"{name}{suffix}").unlink(missing_ok=True)
