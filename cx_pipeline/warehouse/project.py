"""The dbt project as the pipeline runs it: where it is, with which variables, and its manifest.

What enters: the settings.  What leaves: the dbt command line's arguments and environment, a manifest
that is current, and the fingerprint that says whether the warehouse has to be built anew.  Called by
the warehouse's assets and by whoever needs the manifest before Dagster loads.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import orjson

from cx_pipeline.contract import CONTRACT_VERSION
from cx_pipeline.files import write_whole
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.dbt_child import write_launcher
from cx_pipeline.warehouse.inputs import PROJECT_DIR, dbt_environment, dbt_vars


class DbtProjectError(Exception):
    """A dbt command failed; the text is dbt's own."""


def target_path(settings: Settings) -> Path:
    """Where dbt keeps its artefacts from night to night, so that it parses only what changed."""
    return dbt_folder(settings) / "target"


def vars_argument(settings: Settings) -> list[str]:
    """`--vars` and its value: the same every night, or dbt would parse the whole project again."""
    return ["--vars", json.dumps(dbt_vars(settings), sort_keys=True)]


def project_fingerprint(settings: Settings) -> str:
    """Changes when the models, the seeds, the contract or a setting they depend on change."""
    digest = hashlib.sha256(f"{CONTRACT_VERSION}\n{vars_argument(settings)}".encode())
    for path in sorted(PROJECT_DIR.rglob("*")):
        if path.is_file() and path.suffix in {".sql", ".yml", ".yaml", ".csv", ".md"}:
            digest.update(str(path.relative_to(PROJECT_DIR)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def dbt_folder(settings: Settings) -> Path:
    """dbt's own corner of the data directory: launcher, lock, artefacts, logs."""
    return settings.paths.warehouse / "dbt"


def call_dbt(settings: Settings, *arguments: str) -> None:
    """Run one dbt command to its end, unseen; DbtProjectError with dbt's own words where it fails."""
    where = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    where += ["--target-path", str(target_path(settings)), "--log-path", str(dbt_folder(settings) / "logs")]
    target_path(settings).mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [write_launcher(dbt_folder(settings)), "--quiet", *arguments, *where, *vars_argument(settings)],
        env=os.environ | dbt_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = result.stdout.strip() or result.stderr.strip()
        raise DbtProjectError(f"dbt cannot {arguments[0]} {PROJECT_DIR}: {said}")


def current_manifest(settings: Settings) -> Path:
    """The manifest of the project as it stands; parsed first where it is missing, stale or cut short.

    Raises DbtProjectError with dbt's message where the project does not parse.
    """
    target = target_path(settings)
    manifest, stamp = target / "manifest.json", target / "manifest.fingerprint"
    fingerprint = project_fingerprint(settings)
    if stamp.exists() and stamp.read_text() == fingerprint and _is_whole(manifest):
        return manifest
    call_dbt(settings, "parse")
    write_whole(stamp, fingerprint.encode())
    return manifest


def _is_whole(manifest: Path) -> bool:
    """Whether dbt, which writes its manifest in place at every build, came to the end of it."""
    try:
        orjson.loads(manifest.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return False
    return True
