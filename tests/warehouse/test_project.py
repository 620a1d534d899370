"""The manifest Dagster loads is that of the project as it stands, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cx_pipeline.settings import Settings
from cx_pipeline.warehouse import project


def test_a_manifest_that_is_missing_or_cut_short_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a kill in mid-build leaves half a manifest, which no later night could load."""
    settings = Settings(data_dir=tmp_path)
    calls: list[str] = []

    def call_dbt(settings: Settings, *arguments: str) -> None:
        calls.extend(arguments)
        target = project.target_path(settings)
        target.mkdir(parents=True, exist_ok=True)
        (target / "manifest.json").write_text('{"nodes": {}}')

    monkeypatch.setattr(project, "call_dbt", call_dbt)
    manifest = project.current_manifest(settings)
    assert project.current_manifest(settings) == manifest
    assert calls == ["parse"]
    for damage in (b'{"nodes": {', b""):
        calls.clear()
        manifest.write_bytes(damage)
        assert project.current_manifest(settings).read_text() == '{"nodes": {}}'
        assert calls == ["parse"]
