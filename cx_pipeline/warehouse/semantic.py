"""What MetricFlow needs to answer from the published file: `published/semantic/`, a dbt project of its own.

What enters: the semantic manifest that dbt wrote when it built the marts.  What leaves: that manifest, and a
project and a profile that name nothing but the published file, opened read-only, so that `mf` run in that
folder neither sees the working files nor waits for a night.  Called by publishing, and by `cx metrics`.
"""

from __future__ import annotations

import json
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths

MANIFEST = "semantic_manifest.json"

_PROJECT = """\
# Written with every night: a dbt project without models, for MetricFlow alone.
name: cx
version: "1.0"
profile: published
flags:
  send_anonymous_usage_stats: false
  version_check: false
"""
_PROFILE = """\
# Written with every night: the published file, read-only.  Nothing here can write to it, or hinder a night.
published:
  target: published
  outputs:
    published:
      type: duckdb
      path: ":memory:"
      schema: marts
      threads: 1
      attach:
        - path: {path}
          alias: cx
          read_only: true
      settings:
        TimeZone: UTC
"""


def semantic_folder(paths: DataPaths) -> Path:
    """The folder in which `mf` answers."""
    return paths.published / "semantic"


def semantic_manifest(paths: DataPaths) -> Path:
    """The semantic models and metrics of the published file; it is written last."""
    return semantic_folder(paths) / "target" / MANIFEST


def publish_semantics(paths: DataPaths, built: Path) -> None:
    """Put `built` (dbt's semantic manifest of the marts just published) beside them, each file whole."""
    folder = semantic_folder(paths)
    profile = _PROFILE.format(path=json.dumps(str(paths.published_file.resolve()), ensure_ascii=False))
    write_whole(folder / "dbt_project.yml", _PROJECT.encode())
    write_whole(folder / "profiles.yml", profile.encode())
    write_whole(semantic_manifest(paths), built.read_bytes())
