"""Why a night failed, in Korean, where the English text is the pipeline's own.

What enters: a reason as `night.failure` gives it.  What leaves: the same in Korean, names and numbers kept;
what a library or a database said stays as it is.  Pure; `render` calls it.  A test holds the patterns to the
texts.
"""

from __future__ import annotations

import re
from functools import partial

_STANDS = "이전 공개 파일은 그대로 유지됩니다."

REASONS = (
    (r"the night stopped at (?P<step>\S+):\s*", "{step} 단계에서 중단되었습니다. "),
    (
        r"The process died while this night ran; nothing was published\.",
        "작업 도중 프로세스가 종료되어 아무것도 공개되지 않았습니다.",
    ),
    (r"no step was run", "실행된 단계가 없습니다."),
    (r"no reason was given", "원인이 기록되지 않았습니다."),
    (
        r"another night is running \((?P<who>.*?)\); wait for it or stop it",
        "다른 야간 작업이 실행 중입니다({who}). 끝날 때까지 기다리거나 중지하세요.",
    ),
    (
        r"a dbt process of an earlier night still runs \(it holds (?P<file>.*?)\): stop it",
        "이전 야간 작업의 dbt 프로세스가 아직 실행 중입니다({file}). 해당 프로세스를 중지하세요.",
    ),
    (
        r"(?P<file>\S+) does not exist: run a night, so that dbt builds it",
        "{file} 파일이 없습니다. 야간 작업을 실행해 생성하세요.",
    ),
    (
        r"(?P<file>\S+) lies beside the published file: somebody opened (?P<name>\S+) for writing\. "
        r"Close that session, delete the \.wal file and run the night again; readers must open it read-only",
        "공개 파일 옆에 {file} 파일이 있습니다. 누군가 {name} 파일을 쓰기 모드로 열었습니다. "
        "해당 세션을 닫고 .wal 파일을 삭제한 뒤 야간 작업을 다시 실행하세요. "
        "조회할 때는 읽기 전용으로 열어야 합니다.",
    ),
    (
        r"(?P<folder>\S+) has (?P<free>\S+) MB free and publishing needs (?P<needed>\S+) MB: "
        r"make room and run the night again; yesterday's file stands",
        "{folder}의 여유 공간은 {free} MB이고 공개에는 {needed} MB가 필요합니다. "
        f"공간을 확보한 뒤 다시 실행하세요. {_STANDS}",
    ),
    (
        r"the copy of (?P<file>\S+) does not read back \((?P<error>.*?)\); yesterday's file stands",
        f"{{file}} 복사본을 다시 읽지 못했습니다({{error}}). {_STANDS}",
    ),
    (
        r"the marts hold no table `kpis`: the dbt run is not complete; yesterday's file stands",
        f"마트에 kpis 테이블이 없습니다. dbt 실행이 완료되지 않았습니다. {_STANDS}",
    ),
    (
        r"batch (?P<batch>\S+) \((?P<what>.*?) rows\) is held: (?P<rules>.*?)\. "
        r"Decide with (?P<command>`.*?`)",
        "배치 {batch}({what}행)의 공개를 보류했습니다. 위반 규칙: {rules}. {command} 명령으로 처리하세요.",
    ),
)
"""The English text as a pattern -> its Korean."""


def in_korean(reason: str) -> str:
    """The reason with all that is known said in Korean."""
    for pattern, korean in REASONS:
        reason = re.sub(pattern, partial(_told, korean), reason)
    return reason


def _told(korean: str, found: re.Match[str]) -> str:
    return korean.format(**found.groupdict())
