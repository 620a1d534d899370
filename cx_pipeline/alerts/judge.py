"""What there is to tell after a night: from its record, the gate's verdicts and the published file.

What enters: the settings, an instant, and for a night that failed why it did.  What leaves: a `Judgement`.
Nothing is written or sent here.  No formula of a KPI is here either: status and effect are the models'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cx_pipeline.alerts.finding import Fact, Finding, Judgement
from cx_pipeline.gate import list_held, load_verdicts
from cx_pipeline.night.record import NightRecord, read_records
from cx_pipeline.privacy.redact import Redactor
from cx_pipeline.scorecard.standing import Judged, Signal, by_target, read_standing
from cx_pipeline.settings import Settings
from cx_pipeline.settings.alerts import ALERT_KINDS

_LONGEST = 300
_FIRST = 1000.0
"""Added to the weight of what is told before all else: headlines, and everybody before groups."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A data test that failed as an error, and stopped the night."""

    asset: str
    check: str
    because: str


@dataclass(frozen=True, slots=True)
class FailedNight:
    """A run of the nightly job that did not get through.  `started_at` is ISO 8601 in UTC."""

    run_id: str
    night: str
    started_at: str
    reason: str
    checks: tuple[FailedCheck, ...] = ()


def judge_published(settings: Settings, now: datetime) -> Judgement:
    """After a night was published: everything is looked at."""
    records = read_records(settings.paths.state / "nights")
    last = next((record for record in reversed(records) if record.outcome == "published"), None)
    standing = read_standing(settings.paths.published_file, settings.performance.duckdb_memory)
    off_target = _targets(standing.judged)
    return Judgement(
        found=(
            *_held(settings),
            *_stale(settings, last, now),
            *off_target.found,
            *_worse(standing.signals),
        ),
        judged=frozenset(ALERT_KINDS),
        undecided=off_target.undecided,
        how=off_target.how,
    )


def judge_failed(settings: Settings, failed: FailedNight) -> Judgement:
    """After a night failed: what is known is added, nothing is over.  Empty where a later one got through."""
    records = read_records(settings.paths.state / "nights")
    if any(r.outcome == "published" and r.started_at > failed.started_at for r in records):
        return Judgement()
    clean = Redactor(settings.privacy.phone_regions).redact
    night = Finding(
        f"night_failed/{failed.night}",
        "night_failed",
        "critical",
        {"night": failed.night, "run_id": failed.run_id, "reason": clean(failed.reason)[:_LONGEST]},
    )
    checks = (
        Finding(
            f"check_failed/{check.asset}/{check.check}",
            "check_failed",
            "critical",
            {"asset": check.asset, "check": check.check, "because": clean(check.because)[:_LONGEST]},
        )
        for check in failed.checks
    )
    own = next((record for record in records if record.run_id == failed.run_id), None)
    return Judgement(found=(night, *checks, *_held(settings), *_unread(own)))


def _held(settings: Settings) -> Iterator[Finding]:
    for verdict in list_held(settings.paths):
        yield Finding(
            f"check_failed/held/{verdict.batch_id}",
            "check_failed",
            "critical",
            {
                "batch_id": verdict.batch_id,
                "source": verdict.source,
                "entity": verdict.entity,
                "rows": verdict.landed,
                "because": "; ".join(rule.rule for rule in verdict.held_by),
            },
        )


def _stale(settings: Settings, last: NightRecord | None, now: datetime) -> Iterator[Finding]:
    """The sources the last published night could not read whole, and those whose newest record is too old."""
    unread = {str(finding.facts["source"]): finding for finding in _unread(last)}
    yield from unread.values()
    for finding in _overdue(settings, now):
        if finding.facts["source"] not in unread:
            yield finding


def _unread(record: NightRecord | None) -> Iterator[Finding]:
    for name in (record.stale_sources if record else "").split(", "):
        if name:
            yield Finding(f"source_stale/{name}", "source_stale", "warning", {"source": name})


def _overdue(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Sources with a freshness limit whose newest record is older than it, the worst entity of each."""
    limits = {
        (name, entity): mapping.freshness_hours
        for name, source in settings.all_sources.items()
        for entity, mapping in source.entities.items()
        if mapping.freshness_hours is not None
    }
    if not limits:
        return
    newest: dict[tuple[str, str], datetime] = {}
    for verdict in load_verdicts(settings.paths).values():
        key = (verdict.source, verdict.entity)
        if key in limits and verdict.is_read and verdict.newest_at:
            at = datetime.fromisoformat(verdict.newest_at)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            newest[key] = max(at, newest.get(key, at))
    worst: dict[str, tuple[float, str, float, int]] = {}
    for (name, entity), at in sorted(newest.items()):
        hours, limit = (now - at).total_seconds() / 3600, limits[name, entity]
        if hours > limit:
            worst[name] = max(worst.get(name, (0.0, "", 0.0, 0)), (hours - limit, entity, hours, limit))
    for name, (_, entity, hours, limit) in worst.items():
        facts: dict[str, Fact] = {"source": name, "entity": entity, "hours": hours, "limit_hours": limit}
        yield Finding(f"source_stale/{name}", "source_stale", "warning", facts)


def _targets(judged: Sequence[Judged]) -> Judgement:
    """The KPIs off target, one finding a KPI and group.

    One that is at risk, or too small to show, is neither off target again nor over.
    """
    found, undecided, how = [], set(), {}
    for standing in by_target(judged):
        key = "/".join(("target_missed", standing.kpi, standing.dimension, standing.dimension_value))
        if standing.missed:
            found.append(_missed(key, standing.missed))
        elif standing.status == "met":
            how[key] = "met"
        else:
            undecided.add(key)
    return Judgement(tuple(found), undecided=frozenset(undecided), how=how)


def _missed(key: str, rows: Sequence[Judged]) -> Finding:
    """The finding of a KPI and group, told by its shortest grain that is off target."""
    row, *others = rows
    distance = abs(row.value - row.target) if row.value is not None else 0.0
    spread = row.ci_high - row.ci_low if row.ci_low is not None and row.ci_high is not None else 0.0
    weight = distance / spread if spread > 0 else 0.0
    facts = {
        **_of(row),
        "value": row.value,
        "ci_low": row.ci_low,
        "ci_high": row.ci_high,
        "n": row.n,
        "target": row.target,
        "direction": "at_least" if row.value is not None and row.value < row.target else "at_most",
        "also": " ".join(other.grain for other in others),
    }
    first = _FIRST * ((row.dimension == "all") + row.is_headline)
    return Finding(key, "target_missed", "warning", facts, weight + first)


def _worse(signals: Sequence[Signal]) -> Iterator[Finding]:
    for signal in signals:
        # Neither way of a perception gap is good, and wide enough to be found it is no good either.
        if signal.effect == "worse" or (signal.effect == "different" and signal.kind == "contrast"):
            is_everybody = signal.dimension == "all" and signal.is_headline
            yield Finding(
                f"worsening/{signal.story_id}",
                "worsening",
                "warning" if is_everybody else "info",
                {
                    **_of(signal),
                    "signal": signal.kind,
                    "found_in": signal.found_in.isoformat(),
                    "value": signal.value,
                    "expected_value": signal.expected_value,
                    "difference": signal.difference,
                },
                weight=signal.importance or 0.0,
            )


def _of(row: Judged | Signal) -> dict[str, Fact]:
    """Which KPI, of whom, of which period."""
    return {
        "kpi": row.kpi,
        "unit": row.unit,
        "grain": row.grain,
        "period_start": row.period_start.isoformat(),
        "dimension": row.dimension,
        "dimension_value": row.dimension_value,
    }
