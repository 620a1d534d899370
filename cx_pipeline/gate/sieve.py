"""The sieve: one query over a long batch that leaves only the rows a rule might find broken.

What enters: a landed batch, the row rules of its suite, the declared surveys.  What leaves: the rows for
Great Expectations to judge, and the newest instant of all.  `reading` calls it.

Every rule is compiled into a condition that is true at least where Great Expectations would call a row
unexpected; whatever cannot be compiled is true everywhere.  So the sieve never decides that a row is broken:
it spares Great Expectations the rows that plainly keep every rule; the others, and a batch's first rows, are
judged by the suite as it stands.  That a row is judged by itself alone makes the verdict the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.contract import DEFAULT_SCALES, Entity, Type
from cx_pipeline.database import connect
from cx_pipeline.gate.columns import HALF_A_DAY, HORIZON, Survey, ordinary_instants
from cx_pipeline.gate.suite import Rule

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SHORT_BATCH_ROWS = 20_000
"""A batch of no more rows is judged whole, and so are the first rows of a longer one."""

ALL_ROWS = "true"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LITERAL_REGEX = re.compile(r"\^?[A-Za-z0-9\[\]{}(),*+?|_ -]*(?:\\Z)?")
"""The regular expressions that Python and RE2 read alike (but for the end, which is `\\z` to RE2)."""


class _CannotSayError(Exception):
    """The sieve has no words for a rule: every row of it is judged."""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _instant(at: datetime) -> str:
    return f"timestamptz '{at.isoformat(sep=' ')}'"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"'{value!r}'::double"
    if isinstance(value, str):
        return _text(value)
    raise _CannotSayError


# ---------------------------------------------------------------- the columns


def _columns(entity: Entity, landed_at: datetime) -> dict[str, str]:
    """The SQL of every column a rule may name, the gate's own as `columns` defines them."""
    instants = [field.name for field in entity.fields if field.type is Type.TIMESTAMP]
    # what a map prints is at least as long as any text in it
    texts = [
        f"strlen({field.landed_name}{'::varchar' if field.type is Type.MAP else ''})"
        for field in entity.fields
        if field.type in (Type.TEXT, Type.MAP)
    ]
    numbers = [field.name for field in entity.fields if field.type is Type.DECIMAL]
    plain = {field.landed_name: field.landed_name for field in entity.fields}
    plain |= {name: f"if(isnan({name}), 'inf'::double, {name})" for name in numbers}
    added = {
        "pull_horizon": _instant(landed_at + HORIZON),
        "longest_text_bytes": f"greatest({', '.join([*texts, '0'])})",
    }
    half = f"interval '{HALF_A_DAY.total_seconds():.0f} seconds'"
    for name in instants:
        is_date_only = f"coalesce(regexp_matches(date_only, '(^|,)\\s*{name}\\s*(,|$)'), false)"
        added[f"{name}_earliest"] = f"if({is_date_only}, {name} - {half}, {name})"
        added[f"{name}_latest"] = f"if({is_date_only}, {name} + {half}, {name})"
    if entity.name == "feedback":
        low, high = (
            _scale_end(plain[f"scale_{end}"], f"scale_{end}", n) for n, end in enumerate(("min", "max"))
        )
        score = plain["score"]
        added |= {
            "effective_scale_min": low,
            "effective_scale_max": high,
            "effective_scale_direction": "coalesce(scale_direction, declared_direction)",
            "score_outside_scale_by": f"greatest({low} - {score}, {score} - {high})",
            "score_fraction": f"{score} - floor({score})",
            "is_answered": "(score is not null or comment is not null)",
        }
    return plain | added


def _scale_end(given: str, name: str, end: int) -> str:
    usual = " ".join(
        f"when {_text(metric)} then {_literal(float(scale[end]))}" for metric, scale in DEFAULT_SCALES.items()
    )
    return f"coalesce({given}, declared_{name}, case metric {usual} end)"


def _declared(surveys: Sequence[Survey]) -> str:
    """The surveys as a table, the first of each survey and metric."""
    rows = {(s.survey_id, s.metric): (s.scale_min, s.scale_max, s.direction) for s in reversed(surveys)}
    values = [
        ", ".join("null" if value is None else _literal(value) for value in (*key, *ends))
        for key, ends in rows.items()
    ] or ["null, null, null, null, null"]
    return (
        "(select survey::varchar as declared_survey, asked::varchar as declared_metric,"
        " low::double as declared_scale_min, high::double as declared_scale_max,"
        " direction::varchar as declared_direction"
        f" from (values {', '.join(f'({row})' for row in values)})"
        " as given (survey, asked, low, high, direction)) as declared"
    )


# ---------------------------------------------------------------- the rules


def _condition(rule: Rule, columns: Mapping[str, str], entity: Entity) -> str:
    """What is true of every row that may break `rule`."""
    meaning = _MEANINGS.get(rule.expectation)
    if meaning is None:
        return ALL_ROWS
    known, say = meaning
    try:
        if not set(rule.kwargs) <= known:
            return ALL_ROWS
        broken = say({**rule.kwargs}, columns, _kinds(entity))
    except (_CannotSayError, KeyError):
        return ALL_ROWS
    where = _where(rule.where, columns)
    return broken if where is None else f"({where}) and ({broken})"


_Say = Callable[[dict[str, Any], Mapping[str, str], Mapping[str, Type]], str]


def _kinds(entity: Entity) -> dict[str, Type]:
    """What a literal is compared with, by column: a bound of an instant is spelled as text."""
    kinds = {field.landed_name: field.type for field in entity.fields}
    instants = [field.name for field in entity.fields if field.type is Type.TIMESTAMP]
    kinds |= {f"{name}_{end}": Type.TIMESTAMP for name in instants for end in ("earliest", "latest")}
    numbers = ("effective_scale_min", "effective_scale_max", "score_outside_scale_by", "score_fraction")
    kinds |= dict.fromkeys(numbers, Type.DECIMAL)
    return kinds | {
        "pull_horizon": Type.TIMESTAMP,
        "longest_text_bytes": Type.INTEGER,
        "effective_scale_direction": Type.TEXT,
        "is_answered": Type.BOOLEAN,
    }


def _bound(value: object, kind: Type) -> str:
    if kind is Type.TIMESTAMP and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise _CannotSayError from None
        if at.tzinfo is None:
            raise _CannotSayError
        return _instant(at)
    if kind not in (Type.INTEGER, Type.DECIMAL) or isinstance(value, str):
        raise _CannotSayError
    return _literal(value)


def _listed(values: Any, kind: Type) -> str:
    """A list for `in`; each value is of the column's own kind."""
    kinds: dict[Type, tuple[type, ...]] = {
        Type.TEXT: (str,),
        Type.DECIMAL: (int, float),
        Type.INTEGER: (int,),
        Type.BOOLEAN: (bool,),
    }
    fits = kinds.get(kind)
    if fits is None or not values or not all(isinstance(value, fits) for value in values):
        raise _CannotSayError
    return ", ".join(map(_literal, values))


def _not_null(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    return f"{columns[given['column']]} is null"


def _null(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    return f"{columns[given['column']]} is not null"


def _in_set(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    column = columns[given["column"]]
    return f"{column} not in ({_listed(given['value_set'], kinds[given['column']])})"


def _not_in_set(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    column = columns[given["column"]]
    return f"{column} in ({_listed(given['value_set'], kinds[given['column']])})"


def _between(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    column, kind = columns[given["column"]], kinds[given["column"]]
    outside = []
    below, above = "<=" if given.get("strict_min") else "<", ">=" if given.get("strict_max") else ">"
    if given.get("min_value") is not None:
        outside.append(f"{column} {below} {_bound(given['min_value'], kind)}")
    if given.get("max_value") is not None:
        outside.append(f"{column} {above} {_bound(given['max_value'], kind)}")
    return " or ".join(outside) or ALL_ROWS


def _greater(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    names = given["column_A"], given["column_B"]
    if given.get("ignore_row_if") != "either_value_is_missing" or kinds[names[0]] is not kinds[names[1]]:
        raise _CannotSayError
    return f"{columns[names[0]]} {'<' if given.get('or_equal') else '<='} {columns[names[1]]}"


def _regex(given: dict[str, Any], columns: Mapping[str, str], kinds: Mapping[str, Type]) -> str:
    pattern = given["regex"]
    if kinds[given["column"]] is not Type.TEXT or not _LITERAL_REGEX.fullmatch(pattern):
        raise _CannotSayError
    if pattern.endswith(r"\Z"):
        pattern = pattern.removesuffix(r"\Z") + r"\z"
    return f"not regexp_matches({columns[given['column']]}, {_text(pattern)})"


_MEANINGS: dict[str, tuple[frozenset[str], _Say]] = {
    "expect_column_values_to_not_be_null": (frozenset({"column"}), _not_null),
    "expect_column_values_to_be_null": (frozenset({"column"}), _null),
    "expect_column_values_to_be_in_set": (frozenset({"column", "value_set"}), _in_set),
    "expect_column_values_to_not_be_in_set": (frozenset({"column", "value_set"}), _not_in_set),
    "expect_column_values_to_be_between": (
        frozenset({"column", "min_value", "max_value", "strict_min", "strict_max"}),
        _between,
    ),
    "expect_column_values_to_match_regex": (frozenset({"column", "regex"}), _regex),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        frozenset({"column_A", "column_B", "or_equal", "ignore_row_if"}),
        _greater,
    ),
}
"""Expectation -> the kwargs the sieve understands, and what it makes of them."""


def _where(condition: str | None, columns: Mapping[str, str]) -> str | None:
    """A rule's condition in SQL, as pandas' query reads it; None (all rows) where it cannot be said."""
    if condition is None:
        return None
    try:
        return _logic(ast.parse(condition, mode="eval").body, columns)
    except (_CannotSayError, KeyError):
        return None


def _logic(node: ast.expr, columns: Mapping[str, str]) -> str:
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        return word.join(f"({_logic(value, columns)})" for value in node.values)
    if isinstance(node, ast.Name):
        return f"coalesce({columns[node.id]}, false)"
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.left, ast.Name):
        left, right = columns[node.left.id], node.comparators[0]
        if isinstance(node.ops[0], ast.In) and isinstance(right, ast.List | ast.Tuple):
            return f"coalesce({left} in ({', '.join(_constant(each) for each in right.elts)}), false)"
        if isinstance(node.ops[0], ast.Eq):
            return f"{left} is not distinct from {_constant(right)}"
        if isinstance(node.ops[0], ast.NotEq):
            return f"{left} is distinct from {_constant(right)}"
    raise _CannotSayError


def _constant(node: ast.expr) -> str:
    if not isinstance(node, ast.Constant):
        raise _CannotSayError
    return _literal(node.value)


# ---------------------------------------------------------------- the query


class Sieve:
    """The row rules of one entity as one query over a batch that landed at `landed_at`."""

    def __init__(
        self, entity: Entity, rules: Sequence[Rule], landed_at: datetime, surveys: Sequence[Survey] = ()
    ) -> None:
        columns = _columns(entity, landed_at)
        conditions = dict.fromkeys(_condition(rule, columns, entity) for rule in rules)
        horizon = _instant(landed_at + HORIZON)
        self.may_break = " or ".join(f"({condition})" for condition in conditions)
        self._newest = ", ".join(
            f"max({field.name}) filter ({field.name} <= {horizon})" for field in ordinary_instants(entity)
        )
        self._declared = (
            f"left join {_declared(surveys)} on survey_id = declared_survey and metric = declared_metric"
            if entity.name == "feedback"
            else ""
        )

    def sift(
        self, path: Path, columns: Collection[str], *, part_rows: int, memory: str | None
    ) -> tuple[datetime | None, Iterator[pa.Table]]:
        """The batch's newest instant, as `columns.newest_instant` has it; and the rows to judge in order, the
        landed `columns` of them, `part_rows` at a time.

        `memory` is DuckDB's limit (None: its own).  An error of DuckDB or of Arrow, at once or while the rows
        are drawn, where a text is no UTF-8 or the file is damaged.
        """
        landed = f"read_parquet({_text(str(path))}, hive_partitioning = false)"
        connection = connect(memory=memory)
        connection.execute("set timezone = 'UTC'")
        newest = connection.sql(f"select epoch_us(greatest({self._newest})) from {landed}").fetchall()[0][0]
        rows = connection.sql(
            f"select {', '.join(columns)} from {landed} {self._declared}"
            f" where position < {SHORT_BATCH_ROWS} or {self.may_break}"
        )
        at = None if newest is None else _EPOCH + timedelta(microseconds=newest)
        return at, _parts(connection, rows, part_rows)


def _parts(
    connection: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation, part_rows: int
) -> Iterator[pa.Table]:
    """`rows` as tables; closes the connection after them."""
    import pyarrow as pa

    with connection:
        for part in rows.to_arrow_reader(part_rows):
            yield pa.Table.from_batches([part])
