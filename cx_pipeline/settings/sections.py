"""The plain tables of the settings, and the types their values have.

What enters: nothing.  What leaves: one frozen model a table.  The docstring below a setting is its
description in docs/settings.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveInt, SecretStr

Scalar = str | int | float | bool


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone such as 'Asia/Seoul' or 'UTC'")
    return name


def _name(value: str) -> str:
    if not (
        value.isascii()
        and value.replace("_", "a").isalnum()
        and value[:1].isalpha()
        and value == value.lower()
    ):
        raise ValueError("must be lower-case letters, digits and underscores, starting with a letter")
    return value


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isupper() and value.isalpha()):
        raise ValueError("must be an ISO 4217 code such as 'KRW'")
    return value


def _region(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isupper() and value.isalpha()):
        raise ValueError("must be an ISO 3166-1 alpha-2 code such as 'KR'")
    return value


def _scale(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("must be [lowest, highest] with lowest < highest")
    return value


_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]i?B)", re.IGNORECASE)
_LEAST_MEMORY = 2 * 10**9


def _memory(text: str) -> int:
    """Bytes of `8GB` (thousands) or `8GiB` (1024s)."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a size such as '8GB' or '16GiB'")
    unit = match[2].upper()
    size = int(float(match[1]) * (1024 if "I" in unit else 1000) ** ("KMGT".index(unit[0]) + 1))
    if size < _LEAST_MEMORY:
        raise ValueError("must be at least '2GB': Python with what a night imports takes most of 1GB")
    return size


def _size(text: str) -> str:
    _memory(text)
    return text


TimeZone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, AfterValidator(_name)]
Region = Annotated[str, AfterValidator(_region)]
SurveyType = Literal["relational", "transactional"]


class Section(BaseModel):
    """One table: no unknown key, unchangeable, and no value in an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Headline(Section):
    """The survey type whose answers are the headline of each survey KPI; the other is a dimension."""

    nps: SurveyType = "relational"
    """Of `nps`."""
    csat: SurveyType = "transactional"
    """Of `csat`."""
    ces: SurveyType = "transactional"
    """Of `ces`."""


class Reporting(Section):
    """How the KPIs are cut and computed."""

    time_zone: TimeZone = "UTC"
    """The zone in which days, weeks, months and quarters begin."""
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    """The currency money is converted to (by the seed `fx_rates.csv`)."""
    min_n: PositiveInt = 5
    """Fewer distinct respondents or customers than this, and the value of a group is not shown."""
    ces_scale: Annotated[tuple[float, float], AfterValidator(_scale)] = (1, 7)
    """The scale `ces` is published on; a change makes the next night a full refresh."""
    response_window_days: PositiveInt = 14
    """Days an invitation may still be answered; before they have passed `response_rate` is provisional."""
    fcr_window_days: PositiveInt = 7
    """Days without a re-contact after which a first solve counts as first-contact resolution."""
    churn_after_days: PositiveInt = 90
    """Days after the last order at which a customer without a contract is no longer live."""
    language: Literal["auto", "en", "ko"] = "auto"
    """The language the scorecard page opens in; `auto`: the browser's. The page holds both."""
    headline: Headline = Headline()


class Support(Section):
    """How the support KPIs are reckoned."""

    default_schedule: str = "default"
    """The schedule (of the seed `business_hours.csv`) of tickets that name none."""
    service_level_seconds: PositiveInt = 20
    """Seconds within which a call or chat must be answered to meet the service level."""


class Schedule(Section):
    """When the nightly job runs by itself, and the first night it can be run for."""

    first_night: date = date(2015, 1, 1)
    """The first day of the nights' calendar."""
    at: time = time(2, 0)
    """The time of day, `HH:MM`."""
    time_zone: TimeZone | None = None
    """The zone of `at`; by default the reporting time zone."""


class Gate(Section):
    """What a held batch does to the night."""

    on_held: Literal["stop", "publish_stale"] = "stop"
    """`stop`: the night ends before dbt.  `publish_stale`: it goes on without the held batches."""


class Performance(Section):
    """What a night may take of the machine."""

    memory: Annotated[str, AfterValidator(_size)] | None = None
    """The memory a night may use, such as `8GB`; what needs more spills to disk.

    By default DuckDB takes up to 80 % of the machine's."""

    @property
    def duckdb_memory(self) -> str | None:
        """DuckDB's part of `memory`: all but 1 GB, Python's part of any night; None: its own default."""
        return None if self.memory is None else f"{self.duckdb_bytes // 10**6}MB"

    @property
    def duckdb_operator_memory(self) -> str:
        """What sorts and hash tables of one of dbt's statements may take: a fifth of DuckDB's part.

        Two run at a time, and DuckDB keeps to it loosely: with a third, joins of a million tickets still ran
        out of memory."""
        return f"{self.duckdb_bytes // 5 // 10**6}MB"

    @property
    def duckdb_bytes(self) -> int:
        """Bytes DuckDB may take: its part of `memory`, else 80 % of the machine's."""
        if self.memory is None:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 4 // 5
        return _memory(self.memory) - 10**9


class Landing(Section):
    """How long what landed is kept as it came."""

    keep_raw_days: PositiveInt | None = None
    """Days after which a landed row that no figure can need any more (superseded, replaced, quarantined,
    dropped) is emptied but for its key; by default never."""


class Privacy(Section):
    """How identities are keyed and texts redacted at the edge."""

    key: SecretStr | None = None
    """The identity key; only as the environment variable, never in a file."""
    key_file: Path | None = None
    """The file that holds the identity key; by default `<data_dir>/state/identity.key`, made once."""
    agent_ids: Literal["keyed", "as_is"] = "keyed"
    """`as_is` lands agents' own ids: only where staff have agreed."""
    links_file: Path | None = None
    """A CSV that joins ids of one person: namespace, customer_id, same_as_namespace, same_as_customer_id."""
    phone_regions: tuple[Region, ...] = ("KR", "US")
    """Countries whose national phone numbers are recognised (ISO 3166-1 alpha-2)."""


class EntitySettings(Section):
    """What the settings declare for an entity, whatever its source."""

    attributes: tuple[Name, ...] = ()
    """Attributes that may land; each is a dimension of the entity's KPIs."""


def nearest(wrong: str, allowed: Iterable[str]) -> str:
    """What somebody who wrote `wrong` may have meant."""
    names = list(allowed)
    near = get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(names)}"
