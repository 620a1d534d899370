"""What the working files were built from: `warehouse/built.json`.

It is removed before dbt starts and written when dbt and its tests are done, so that its presence means
a whole warehouse, and its content tells whether tonight brings anything that is not in it yet.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths


@dataclass(frozen=True, slots=True)
class Built:
    """Fingerprints of the project (models, contract, settings) and of the data (batches, verdicts)."""

    project: str
    data: str


def _path(paths: DataPaths) -> Path:
    return paths.warehouse / "built.json"


def read_built(paths: DataPaths) -> Built | None:
    """What the working files hold, or None where no build has finished."""
    try:
        return Built(**json.loads(_path(paths).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def forget_built(paths: DataPaths) -> None:
    """From here until `remember_built` the working files are half built."""
    _path(paths).unlink(missing_ok=True)


def remember_built(paths: DataPaths, built: Built) -> None:
    """The working files are whole."""
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
    forget_built(paths)
    for name in ("working.duckdb", "cx.duckdb"):
        for suffix in ("", ".wal"):
            (paths.warehouse / f"{name}{suffix}").unlink(missing_ok=True)
