"""`cx doctor`: what is configured, what is missing, what a night would do.  It changes nothing.

Each check looks at one thing and says what it found; a finding of level `problem` means that a night
could not run, and makes the command end with 1.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cx_pipeline.cli.output import echo_json, json_option

if TYPE_CHECKING:
    from cx_pipeline.settings import Settings

Level = Literal["ok", "note", "warning", "problem"]
_MARKS: dict[Level, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "note": ("·", "white"),
    "warning": ("!", "yellow"),
    "problem": ("✗", "red"),
}
_SPARE_BYTES = 256 * 1024 * 1024
"""What a night needs beside copies of the warehouse: landed files, logs, state."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: how bad, of what, in one sentence that ends with what to do."""

    level: Level
    area: str
    text: str


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Tell what is set, what is missing, what a night does.

    Ends with 1 if a night could not run.
    """
    from cx_pipeline.settings import load_settings

    findings = list(examine(load_settings()))
    can_run = all(finding.level != "problem" for finding in findings)
    if as_json:
        echo_json({"can_run": can_run, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark, colour = _MARKS[finding.level]
            click.echo(f"{click.style(mark, fg=colour)} {finding.area:<10} {finding.text}")
        click.echo("A night can run." if can_run else "A night could not run: mend what is marked ✗.")
    ctx.exit(0 if can_run else 1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order of a night."""
    for check in (
        _settings,
        _zone,
        _folders,
        _space,
        _growth,
        _key,
        _files,
        _services,
        _lock,
        _held,
        _alerts,
        _published,
        _tonight,
    ):
        try:
            yield from check(settings)
        except OSError as error:  # one unreadable place must not hide what the other checks find
            yield Finding("problem", check.__name__.strip("_"), str(error))


def _settings(settings: Settings) -> Iterator[Finding]:
    config = Path(os.environ.get("CX_CONFIG") or "cx_pipeline.toml")
    where = str(config.resolve()) if config.exists() else f"no {config}, so all defaults"
    variables = sorted(name for name in os.environ if name.startswith("CX_"))
    by = f"; set by the environment: {', '.join(variables)}" if variables else ""
    yield Finding("ok", "settings", where + by)
    reporting = settings.reporting
    yield Finding(
        "ok",
        "reporting",
        f"{reporting.time_zone}, {reporting.currency}, groups of at least {reporting.min_n}",
    )


def _zone(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.warehouse.time_zones import engine_differs_from

    name = settings.reporting.time_zone
    since = engine_differs_from(name)
    if since is not None:
        yield Finding(
            "warning",
            "time zone",
            f"DuckDB's rules for {name} differ from this machine's from {since:%Y-%m-%d} on: days may be cut "
            "an hour off; update duckdb, or set reporting.time_zone to a zone that keeps the same time",
        )


def _folders(settings: Settings) -> Iterator[Finding]:
    home = Path(os.environ.get("DAGSTER_HOME") or settings.paths.root / "dagster")
    for area, folder in (("data", settings.paths.root), ("dagster", home)):
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield Finding("problem", area, f"{existing} cannot be written: change its owner or mode")
        else:
            made = "" if folder.exists() else " (the first night makes it)"
            yield Finding("ok", area, f"{folder}{made}")
    closed = [
        path for path in _state_files(settings) if not os.access(path, os.R_OK if path.is_file() else os.W_OK)
    ]
    for path in closed:
        yield Finding("problem", "data", f"{path} belongs to somebody else: change its owner or mode")


def _state_files(settings: Settings) -> Iterator[Path]:
    paths = settings.paths
    for folder in (
        paths.landing,
        paths.rejected,
        paths.quarantine,
        paths.state,
        paths.warehouse,
        paths.published,
    ):
        if folder.exists():
            yield folder
            yield from (path for path in folder.iterdir() if path.is_file())


def _space(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.warehouse.upkeep import working_files

    paths = settings.paths
    existing = next(path for path in (paths.root, *paths.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    needed = _SPARE_BYTES + sum(path.stat().st_size for path in working_files(paths))
    text = f"{free / 1e9:,.1f} GB free, a night may need {needed / 1e9:,.1f} GB"
    yield Finding("ok" if free >= needed else "problem", "disk", text)


def _growth(settings: Settings) -> Iterator[Finding]:
    """How large the history and the working files are, and what the next upkeep would do about it."""
    from cx_pipeline.night.resource import last_night
    from cx_pipeline.warehouse.upkeep import due_upkeep, read_ledger

    if not settings.paths.landing.exists():
        return
    due = due_upkeep(settings, last_night(settings))
    text = f"{due.files:,} files of {due.batches:,} batches, {due.size_bytes / 1e6:,.1f} MB"
    text += f"; {due.to_pack:,} are packed after the next night" if due.to_pack else ""
    yield Finding("ok", "landing", text)
    ledger = read_ledger(settings.paths)
    if settings.landing.keep_raw_days:
        last = f"after the night of {ledger.emptied_after}" if ledger.emptied_after else "never"
        text = f"rows nobody needs expire after {settings.landing.keep_raw_days} days; emptied last: {last}"
        yield Finding("ok", "landing", text)
    for name, file in ledger.working.items():
        text = f"{name}: {file.size_bytes / 1e6:,.1f} MB, {file.free_bytes / 1e6:,.1f} of it free"
        shrunk = f"; shrunk after the night of {file.shrunk_after}" if file.shrunk_after else ""
        yield Finding("ok", "working", text + shrunk)


def _key(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.landing import list_batches
    from cx_pipeline.privacy.errors import PrivacyError
    from cx_pipeline.privacy.identity_key import KEY_FILE_NAME, load_key

    given = settings.privacy.key or settings.privacy.key_file
    own = settings.paths.state / KEY_FILE_NAME
    batches = list_batches(settings.paths)
    if not given and not own.exists() and not batches:
        yield Finding("note", "key", f"no identity key yet; the first night makes {own} (keep a backup)")
        return
    try:
        key = load_key(settings, may_create=False)
    except PrivacyError as error:
        yield Finding("problem", "key", str(error))
        return
    foreign = sorted({batch.source for batch in batches if batch.key_fingerprint != key.fingerprint})
    if foreign:
        yield Finding(
            "problem",
            "key",
            f"data of {', '.join(foreign)} was keyed with another identity key: restore that one",
        )
    else:
        origin = "CX_PRIVACY__KEY" if settings.privacy.key else str(settings.privacy.key_file or own)
        yield Finding("ok", "key", f"from {origin}, fingerprint {key.fingerprint}")


def _files(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.cli.sources import answers, deliveries, unclaimed

    if not settings.paths.inbox.is_dir():
        level: Level = "note" if settings.services else "warning"
        yield Finding(
            level, "inbox", f"{settings.paths.inbox} is not there: drop files below it, or `cx sample` it"
        )
        return
    for text in unclaimed(settings):
        yield Finding("warning", "inbox", f"nothing reads the {text}")
    for answer in answers(settings):
        for problem in answer.problems:
            yield Finding("warning", "inbox", f"{answer.source}: {problem}")
    for delivery in deliveries(settings):
        if delivery.files:
            text = f"{delivery.source}.{delivery.entity}: {delivery.files} files, {delivery.waiting} waiting"
            yield Finding("ok", "inbox", text)


def _services(settings: Settings) -> Iterator[Finding]:
    """Whether each service's credential is there; what it reaches is for `cx sources check`, which calls."""
    from cx_pipeline.landing import connect
    from cx_pipeline.sources.http.errors import CredentialMissing

    for name, source in settings.services.items():
        connector = connect(settings, name)
        needed = connector.secrets(source)
        try:
            for secret in needed:
                connector.secret(secret)
        except CredentialMissing as error:
            yield Finding("warning", "service", f"{name} ({source.type}): {error}")
        else:
            told = f"{', '.join(needed)} is there" if needed else "needs no credential"
            yield Finding("ok", "service", f"{name} ({source.type}): {told}; `cx sources check` tries it")


def _lock(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.night.lock import current_holder

    holder = current_holder(settings.paths.state / "night.lock")
    if holder:
        yield Finding(
            "warning", "lock", f"a night is running ({holder}); another one would wait or be refused"
        )
    else:
        yield Finding("ok", "lock", "free")


def _held(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.gate import list_held

    held = list_held(settings.paths)
    if held:
        batches = ", ".join(f"{verdict.batch_id} ({verdict.source}.{verdict.entity})" for verdict in held)
        yield Finding("warning", "gate", f"held: {batches}; see `cx gate list`")
    else:
        yield Finding("ok", "gate", "no batch is held")


def _alerts(settings: Settings) -> Iterator[Finding]:
    """Whether each channel has its address; whether it answers is for `cx alerts test`, which sends."""
    from cx_pipeline.alerts.send import ChannelError, address

    channels = settings.alerts.channels
    if not channels:
        yield Finding("note", "alerts", "no channel is configured, so nobody is told; see docs/alerts.md")
    for name, channel in channels.items():
        try:
            address(name, channel)
        except ChannelError as error:
            yield Finding("warning", "alerts", str(error))
            continue
        told = f"{', '.join(channel.kinds)}, from {channel.min_severity} up"
        state = told if channel.enabled else "not enabled"
        yield Finding("ok", "alerts", f"{name} ({channel.language}): {state}; `cx alerts test` tries it")


def _published(settings: Settings) -> Iterator[Finding]:
    from datetime import UTC, datetime

    from cx_pipeline.warehouse.publish import PublishError, refuse_foreign_wal

    target = settings.paths.published_file
    try:
        refuse_foreign_wal(target)
    except PublishError as error:
        yield Finding("problem", "published", str(error))
    if target.exists():
        stat = target.stat()
        made = datetime.fromtimestamp(stat.st_mtime, UTC)
        yield Finding(
            "ok", "published", f"{target}, {stat.st_size / 1e6:,.1f} MB, of {made:%Y-%m-%d %H:%M} UTC"
        )
    else:
        yield Finding("note", "published", "nothing is published yet")


def _tonight(settings: Settings) -> Iterator[Finding]:
    from cx_pipeline.cli.sources import deliveries
    from cx_pipeline.warehouse.built import read_built
    from cx_pipeline.warehouse.project import project_fingerprint

    waiting = sum(delivery.waiting for delivery in deliveries(settings))
    built = read_built(settings.paths)
    if built is None or built.project != project_fingerprint(settings):
        reason = "nothing is built yet" if built is None else "the models or settings changed"
        build = f"build every model from landing ({reason})"
    elif waiting:
        build = "rebuild the models"
    else:
        build = "leave the models as they are"
    at = settings.schedule.at
    yield Finding(
        "note",
        "tonight",
        f"would land {waiting} files, judge them, {build}, and publish; `cx ui` does it at {at:%H:%M} "
        f"{settings.schedule_zone.key}, `cx nightly` now",
    )
