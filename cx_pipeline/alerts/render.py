"""A channel's one message: what is new, what is over, in its language.  Pure.

What enters: what the channel has not been told, how many findings are open, and the night.  What leaves: a
title and a body of plain text that a chat, a mail or a short message can carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cx_pipeline.alerts.finding import Finding
from cx_pipeline.alerts.ledger import Entry, Pending
from cx_pipeline.alerts.reasons import in_korean
from cx_pipeline.alerts.words import GRAINS, KINDS, amount, period, safe, whose
from cx_pipeline.scorecard.names import kpi_name
from cx_pipeline.settings.alerts import ALERT_KINDS, SEVERITIES, Language, Severity

_LINES_A_KIND = 8
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.  `severity` is that of the gravest new finding; None where all is recovery."""

    title: str
    body: str
    severity: Severity | None


def message(
    pending: Pending, night: str, still_open: int, page_url: str | None, language: Language
) -> Message:
    """The digest of `pending`; `still_open` counts every open finding this channel is told of."""
    gravest = max((entry.finding.severity for entry in pending.new), key=SEVERITIES.index, default=None)
    return Message(_title(pending, night, language), _body(pending, still_open, page_url, language), gravest)


def _title(pending: Pending, night: str, language: Language) -> str:
    new, over = len(pending.new), len(pending.over)
    if language == "ko":
        parts = [f"새 알림 {new}건"] * bool(new) + [f"해소 {over}건"] * bool(over)
        return f"[CX] {', '.join(parts)} · {night} 야간 작업"
    parts = [f"{new} new"] * bool(new) + [f"{over} over"] * bool(over)
    return f"[CX] {', '.join(parts)} · night of {night}"


def _body(pending: Pending, still_open: int, page_url: str | None, language: Language) -> str:
    korean = language == "ko"
    blocks = [*_by_kind(pending.new, language)]
    if pending.over:
        blocks.append(
            _block(
                "해소됨" if korean else "Over", pending.over, lambda entry: _over(entry, language), language
            )
        )
    if korean:
        foot = f"현재 미해결 알림: {still_open}건 (cx alerts list)"
    else:
        foot = f"Open now: {still_open} (cx alerts list)"
    if page_url:
        foot += f"\n{'스코어카드' if korean else 'Scorecard'}: {page_url}"
    return "\n\n".join([*blocks, foot])


def _by_kind(new: Sequence[Entry], language: Language) -> Iterator[str]:
    def kind_of(entry: Entry) -> int:
        return ALERT_KINDS.index(entry.finding.kind)

    for kind, entries in groupby(sorted(new, key=kind_of), key=kind_of):
        yield _block(KINDS[language][ALERT_KINDS[kind]], list(entries), lambda e: _new(e, language), language)


def _block(title: str, entries: Sequence[Entry], say: Callable[[Entry], str], language: Language) -> str:
    lines = [f"- {say(entry)}" for entry in entries[:_LINES_A_KIND]]
    more = len(entries) - len(lines)
    if more > 0:
        lines.append(f"- 외 {more}건" if language == "ko" else f"- and {more} more")
    return "\n".join([title, *lines])


def _new(entry: Entry, language: Language) -> str:
    line = sentence(entry.finding, language)
    if entry.over_at:
        line += " (이미 해소됨)" if language == "ko" else " (over meanwhile)"
    return line


def sentence(finding: Finding, language: Language) -> str:
    """One finding in one sentence, with its numbers."""
    return {
        "night_failed": _night_failed,
        "check_failed": _check_failed,
        "source_stale": _source_stale,
        "target_missed": _target_missed,
        "worsening": _worsening,
    }[finding.kind](_Facts(finding), language)


class _Facts:
    """The facts of a finding, as text or number."""

    def __init__(self, finding: Finding) -> None:
        self._facts = finding.facts

    def text(self, name: str) -> str:
        value = self._facts.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> float | None:
        value = self._facts.get(name)
        return float(value) if isinstance(value, int | float) else None

    def value(self, name: str, language: Language, *, signed: bool = False) -> str:
        return amount(self.number(name), self.text("unit"), language, signed=signed)

    def count(self, name: str) -> str:
        return f"{self.number(name) or 0:,.0f}"

    def subject(self, language: Language) -> str:
        """The KPI and whose it is: "CSAT, team Billing"."""
        of = whose(self.text("dimension"), self.text("dimension_value"), language)
        return kpi_name(self.text("kpi"), language) + of

    def period(self, language: Language) -> str:
        return period(self.text("grain"), self.text("period_start"), language)

    def span(self, language: Language) -> str:
        """The quarters a lasting difference is measured over."""
        first, last = self.period(language), period(self.text("grain"), self.text("found_in"), language)
        if first == last:
            return first
        return f"{first} ~ {last}" if language == "ko" else f"{first} to {last}"


def _night_failed(facts: _Facts, language: Language) -> str:
    reason = facts.text("reason")
    if language == "ko":
        told = safe(in_korean(reason), _LONGEST_REASON)
        return f"{facts.text('night')} 야간 작업이 완료되지 않았습니다. 원인: {told}"
    return f"The night of {facts.text('night')} did not get through: {safe(reason, _LONGEST_REASON)}"


def _check_failed(facts: _Facts, language: Language) -> str:
    batch = facts.text("batch_id")
    because = safe(facts.text("because"), _LONGEST_REASON)
    if batch:
        where = f"{facts.text('source')}.{facts.text('entity')}"
        if language == "ko":
            return (
                f"배치 {batch}({where}, {facts.count('rows')}행)가 보류되었습니다: {because}. "
                f"cx gate accept 또는 cx gate drop으로 처리해 주십시오."
            )
        return (
            f"Batch {batch} ({where}, {facts.count('rows')} rows) is held: {because}. "
            "Decide with cx gate accept or cx gate drop."
        )
    name = f"{facts.text('asset')}: {facts.text('check')}"
    if language == "ko":
        return f"데이터 검사 {name} 실패" + (f" ({because})" if because else "")
    return f"Data test {name} failed" + (f" ({because})" if because else "")


def _source_stale(facts: _Facts, language: Language) -> str:
    source, hours = facts.text("source"), facts.number("hours")
    if hours is not None:
        entity, limit = facts.text("entity"), facts.count("limit_hours")
        if language == "ko":
            return f"{source}: {entity}의 최신 데이터가 {hours:,.0f}시간 전 것입니다(허용 {limit}시간)."
        return f"{source}: its newest record of {entity} is {hours:,.0f} hours old (limit {limit})."
    if language == "ko":
        return f"{source}: 가져오지 못한 데이터가 있어 이전 데이터로 공개되었습니다."
    return f"{source}: not all of it could be read; what is published of it is stale."


def _target_missed(facts: _Facts, language: Language) -> str:
    at_least = facts.text("direction") == "at_least"
    value, target = facts.value("value", language), facts.value("target", language)
    low, high = facts.value("ci_low", language), facts.value("ci_high", language)
    head = f"{facts.subject(language)} ({facts.period(language)}): {value}"
    has_interval = facts.number("ci_low") is not None
    also = [GRAINS[language].get(grain, grain) for grain in facts.text("also").split()]
    if language == "ko":
        spread = f" (95% 신뢰구간 {low}~{high}, n={facts.count('n')})" if has_interval else ""
        more = f" ({'·'.join(also)} 기준으로도 미달)" if also else ""
        return f"{head}{spread}, 목표 {target} {'이상' if at_least else '이하'}{more}"
    spread = f" (95 % interval {low} to {high}, n {facts.count('n')})" if has_interval else ""
    more = f"; by {' and '.join(also)} too" if also else ""
    return f"{head}{spread}, target {'at least' if at_least else 'at most'} {target}{more}"


def _worsening(facts: _Facts, language: Language) -> str:
    value, expected = facts.value("value", language), facts.value("expected_value", language)
    difference = facts.value("difference", language, signed=True)
    signal = facts.text("signal")
    when = facts.span(language) if signal == "contrast" else facts.period(language)
    head = f"{facts.subject(language)} ({when}): {value}"
    if signal == "contrast" and facts.text("dimension") == "all":
        beside = (
            "직원의 예상이 고객 응답 대비"
            if language == "ko"
            else "employees' expectation against customers' answers"
        )
        return f"{head}, {beside} {difference}"
    if language == "ko":
        told = {
            "change": "직전 비교 기간 {}",
            "level_shift": "이전 수준 {}",
            "contrast": "다른 그룹 {}",
        }.get(signal, "예상 수준 {}")
        return f"{head}, {told.format(expected)} 대비 {difference}"
    told = {
        "change": "was {}",
        "level_shift": "a lasting shift from {}",
        "contrast": "{} in the other groups",
    }.get(signal, "{} expected")
    return f"{head}, {told.format(expected)} ({difference})"


def _over(entry: Entry, language: Language) -> str:  # noqa: PLR0911 - one return a kind
    facts, korean = _Facts(entry.finding), language == "ko"
    kind = entry.finding.kind
    if kind == "night_failed":
        if korean:
            return f"{facts.text('night')} 야간 작업 실패 이후 다시 정상적으로 공개되었습니다."
        return f"A night was published again after the failed one of {facts.text('night')}."
    if kind == "source_stale":
        source = facts.text("source")
        return f"{source}: 데이터가 다시 최신 상태입니다." if korean else f"{source}: fresh again."
    if kind == "check_failed":
        if facts.text("batch_id"):
            batch = facts.text("batch_id")
            return f"배치 {batch}: 처리 완료" if korean else f"Batch {batch}: decided."
        name = f"{facts.text('asset')}: {facts.text('check')}"
        return f"데이터 검사 {name}: 통과" if korean else f"Data test {name}: passes again."
    subject = facts.subject(language)
    if entry.how == "met":
        return f"{subject}: 목표 재달성" if korean else f"{subject}: target met again."
    return (
        f"{subject}: 더 이상 판정하지 않음(목표 또는 데이터 없음)"
        if korean
        else f"{subject}: no longer judged (no target or no data)."
    )


def trial(name: str, language: Language) -> Message:
    """The message of `cx alerts test`."""
    if language == "ko":
        return Message(
            "[CX] 시험 메시지",
            f"알림 채널 '{name}'의 설정이 올바릅니다. 야간 작업 후 알림이 이곳으로 발송됩니다.",
            None,
        )
    return Message(
        "[CX] Test message",
        f"The alert channel '{name}' works. After a night, alerts are sent here.",
        None,
    )
