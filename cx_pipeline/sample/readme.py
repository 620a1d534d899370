"""The sample's README, in English and Korean: what is planted and how to find it.

What enters: a `SampleReport`.  What leaves: Markdown.  It never names a planted identifier.
Called by `generate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cx_pipeline.sample import company as co
from cx_pipeline.sample.report import Fact, SampleReport

_FATES = {
    "rejected": ("cannot be read: rejected before landing", "읽을 수 없음: 적재 전에 거부"),
    "quarantined": ("breaks a row rule: `marts.quarantine`", "행 규칙 위반: `marts.quarantine`"),
    "other": ("lands, the value counted as unknown", "적재되며 알 수 없는 값으로 집계"),
    "superseded": ("the later version is published", "나중 버전이 게시됨"),
    "deleted": ("leaves the published tables", "게시 테이블에서 빠짐"),
    "orphan": ("lands; a dbt test counts it", "적재되며 dbt 테스트가 집계"),
}


@dataclass(frozen=True, slots=True)
class _Words:
    """One language's texts."""

    korean: bool
    title: str
    about: str
    files: str
    facts: str
    figures: str
    fact_table: str
    dirt: str
    additional: str
    dirt_table: str
    identifiers: str


_ENGLISH = _Words(
    korean=False,
    title=f"{co.NAME_EN}: a made-up company",
    about=(
        "{customers:,} customers, {days} days from {start} to {end}, seed {seed}. Nobody in it exists; "
        "the same seed writes the same bytes. Weeks and days are those of `Asia/Seoul`: set "
        '`reporting.time_zone = "Asia/Seoul"`, drop these folders into the inbox and run `cx nightly`.'
    ),
    files="| file | rows |",
    facts="What is planted",
    figures="The figures are computed from the rows in these files, by the definitions of the KPIs.",
    fact_table="| figure | value |",
    dirt="Dirty rows",
    additional=(
        "Additional rows, so that the gate and the reconciliation have something to show; "
        "the keys of all but changed customers begin with `X`."
    ),
    dirt_table="| file | rows | what | becomes |",
    identifiers=(
        "Some comments give away an e-mail address, a phone, card or Korean resident number or an IP "
        "address: {identifiers} different ones, all made up. After a night none of them stands anywhere "
        "but in the inbox."
    ),
)
_KOREAN = _Words(
    korean=True,
    title=f"{co.NAME_KO}: 가상의 회사",
    about=(
        "고객 {customers:,}명, {start}부터 {end}까지 {days}일, 시드 {seed}. 모두 가상의 인물이며 "
        "같은 시드는 같은 바이트를 만듭니다. 주와 날짜는 `Asia/Seoul` 기준입니다. "
        '`reporting.time_zone = "Asia/Seoul"`로 설정하고 이 폴더들을 인박스에 넣은 뒤 '
        "`cx nightly`를 실행하세요."
    ),
    files="| 파일 | 행 |",
    facts="심어 둔 사실",
    figures="수치는 KPI 정의에 따라 이 파일들의 행에서 계산했습니다.",
    fact_table="| 수치 | 값 |",
    dirt="오염된 행",
    additional=(
        "게이트와 대사(reconciliation)를 보여 주기 위한 추가 행이며, 바뀐 고객을 빼면 키가 `X`로 시작합니다."
    ),
    dirt_table="| 파일 | 행 | 내용 | 결과 |",
    identifiers=(
        "일부 의견에는 이메일, 전화번호, 카드번호, 주민등록번호, IP 주소가 {identifiers}개 들어 있습니다. "
        "모두 지어낸 것이며, 야간 작업 뒤에는 인박스 밖 어디에서도 발견되지 않아야 합니다."
    ),
)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _fact(number: int, fact: Fact, words: _Words) -> list[str]:
    rows = [f"| {f.korean if words.korean else f.english} | {_number(f.value)} |" for f in fact.figures]
    title = fact.korean if words.korean else fact.english
    queries = [f'cx query "{query}"' for query in fact.queries]
    return [
        f"### {number}. {title}",
        "",
        words.fact_table,
        "|---|---:|",
        *rows,
        "",
        "```sh",
        *queries,
        "```",
        "",
    ]


def _page(report: SampleReport, words: _Words) -> list[str]:
    known = {
        "customers": report.customers,
        "days": report.days,
        "start": report.start,
        "end": report.end,
        "seed": report.seed,
        "identifiers": len(report.identifiers),
    }
    facts = [line for n, fact in enumerate(report.facts, 1) for line in _fact(n, fact, words)]
    korean = words.korean
    dirt = [
        f"| `{d.path}` | {d.rows:,} | {(d.english, d.korean)[korean]} | {_FATES[d.fate][korean]} |"
        for d in report.dirt
    ]
    files = [f"| `{file.path}` | {file.rows:,} |" for file in report.files]
    return [
        *(f"# {words.title}", "", words.about.format(**known), "", words.files, "|---|---:|", *files, ""),
        *(f"## {words.facts}", "", words.figures, "", *facts),
        *(f"## {words.dirt}", "", words.additional, "", words.dirt_table, "|---|---:|---|---|", *dirt, ""),
        *(words.identifiers.format(**known), ""),
    ]


def readme(report: SampleReport) -> str:
    """The README of a written sample."""
    return "\n".join(["(한국어는 아래에 있습니다.)", "", *_page(report, _ENGLISH), *_page(report, _KOREAN)])
