"""Mapping: records of a file as rows of the contract, typed, keyed and redacted.

What enters: the headers of a file and the mapping its source has for the entity, then its chunks.  What
leaves: tables with the contract's landing schema and the rows that cannot be typed, with reasons that show
a value's shape and never the value.  Landing calls it; it reads and writes no file.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cx_pipeline.contract import ENTITIES, Entity, Field, Role, Type
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.privacy.keys import Keyer
from cx_pipeline.privacy.redact import matches_any
from cx_pipeline.settings import Column, RowMapping, Scalar, Settings
from cx_pipeline.sources.rows import convert
from cx_pipeline.sources.rows.clock import LocalClock
from cx_pipeline.sources.rows.records import MAX_FIELD_BYTES, Chunk, FileError, Reject, shape, tidy_header

_ANY_OTHER = "*"
_PUBLIC_BY_TYPE = {"reply": True, "call": True, "note": False}
_UNIT_SEPARATOR = "\x1f"
_MAY_COMPOSE = (
    "[^\\x00-\u02ff\u0388-\u0482\u048a-\u052f\u2002-\u20cf\u2190-\u2328\u3000-\u3029\u3030-\u3098\u309b-\ua66e"
    "가-힣\ufe00-\ufe1f\ufe30-\uffff\U0001f000-\U0001faff]"
)
"""RE2: NFC leaves texts without a match as they are; of frequent scripts, marks and half syllables match."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one column (or attribute) comes from: a header of the file, or a constant."""

    header: str | None
    column: Column


@dataclass(frozen=True, slots=True)
class Binding:
    """The headers of one file bound to the contract."""

    columns: dict[str, Origin]
    attributes: dict[str, Origin]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    generates_key: bool

    @property
    def wanted(self) -> frozenset[str]:
        origins = (*self.columns.values(), *self.attributes.values())
        return frozenset(o.header for o in origins if o.header is not None)

    def numbers(self, entity: Entity) -> frozenset[str]:
        """The headers whose values are only ever read as decimal numbers."""
        decimals = {field.name for field in entity.fields if field.type is Type.DECIMAL}
        plain = {o.header for n, o in self.columns.items() if n in decimals and not o.column.values}
        others = {o.header for n, o in self.columns.items() if n not in decimals or o.column.values}
        found = plain - others - {o.header for o in self.attributes.values()}
        return frozenset(header for header in found if header is not None)


class _Headers:
    """Finds a header as it is written, then whatever its case."""

    def __init__(self, headers: list[str]) -> None:
        self.exact = Counter(headers)
        self.folded: dict[str, list[str]] = {}
        for header in self.exact:
            self.folded.setdefault(header.casefold(), []).append(header)

    def find(self, name: str) -> str | None:
        tidy = tidy_header(name)
        if tidy in self.exact:
            found = [tidy] * self.exact[tidy]
        else:
            found = [h for h in self.folded.get(tidy.casefold(), []) for _ in range(self.exact[h])]
        if len(found) > 1:
            raise FileError(f"the header {tidy!r} stands {len(found)} times: which column counts?")
        return found[0] if found else None


def bind(entity: Entity, mapping: RowMapping, attributes: Iterable[str], headers: list[str]) -> Binding:
    """Bind headers to the contract's columns; `FileError` where none fits or one stands twice."""
    known = _Headers(headers)
    columns, missing = _bind_given(mapping.columns, known)
    chosen, missing_attributes = _bind_attributes(mapping, attributes, known)
    missing += missing_attributes
    taken = {o.header for o in (*columns.values(), *chosen.values())}
    for contract_field in entity.fields:
        name = contract_field.name
        if name in mapping.columns or contract_field.type is Type.MAP:
            continue
        header = known.find(name)
        if header is not None and header not in taken:
            columns[name] = Origin(header, Column(from_=header))
            taken.add(header)
    if not any(o.header is not None for o in columns.values()):
        hint = ""
        if len(headers) == 1 and any(c in headers[0] for c in ";|\t"):
            hint = " (it has one header only: set delimiter?)"
        raise FileError(
            f"none of its {len(headers)} headers is known{hint}: the first line must be the header"
        )
    extra = dict.fromkeys(h for h in headers if h and h not in taken)
    order = [f.name for f in entity.fields if f.name in columns]
    return Binding(
        {name: columns[name] for name in order},
        chosen,
        tuple(missing),
        tuple(extra),
        entity.generates_key and entity.key not in columns and entity.key not in missing,
    )


def _bind_given(given: dict[str, Column], known: _Headers) -> tuple[dict[str, Origin], list[str]]:
    """The columns a mapping names, and those whose header the file lacks."""
    found: dict[str, Origin] = {}
    missing: list[str] = []
    for name, column in given.items():
        header = None if column.from_ is None else known.find(column.from_)
        if column.from_ is not None and header is None:
            missing.append(name)
        else:
            found[name] = Origin(header, column)
    return found, missing


def _bind_attributes(
    mapping: RowMapping, names: Iterable[str], known: _Headers
) -> tuple[dict[str, Origin], list[str]]:
    """The declared attributes: as mapped, else from a header `attributes.<name>` or `<name>`."""
    declared = list(names)
    given = {name: column for name, column in mapping.attributes.items() if name in declared}
    found, missing = _bind_given(given, known)
    for name in declared:
        if name in given:
            continue
        header = known.find(f"attributes.{name}") or known.find(name)
        if header is not None:
            found[name] = Origin(header, Column(from_=header))
    return found, [f"attributes.{name}" for name in missing]


class Ordinals:
    """Counts identical rows of one file, in memory proportional to their number and not to their size."""

    def __init__(self) -> None:
        self._runs: list[
            tuple[np.ndarray, np.ndarray]
        ] = []  # (sorted distinct hashes, counts), longest first

    def next(self, hashes: np.ndarray) -> np.ndarray:
        """How many equal hashes came before each of `hashes`."""
        distinct, place, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        order = np.argsort(place, kind="stable")
        within = np.empty(len(hashes), np.int64)
        starts = np.cumsum(counts) - counts
        within[order] = np.arange(len(hashes)) - starts[place[order]]
        before = np.zeros(len(distinct), np.int64)
        for known, known_counts in self._runs:
            at = np.minimum(np.searchsorted(known, distinct), len(known) - 1)
            before += np.where(known[at] == distinct, known_counts[at], 0)
        self._add(distinct, counts.astype(np.int64))
        return within + before[place]

    def _add(self, distinct: np.ndarray, counts: np.ndarray) -> None:
        while self._runs and len(self._runs[-1][0]) <= 2 * len(distinct):
            other, other_counts = self._runs.pop()
            joined, place = np.unique(np.concatenate((other, distinct)), return_inverse=True)
            summed = np.zeros(len(joined), np.int64)
            np.add.at(summed, place, np.concatenate((other_counts, counts)))
            distinct, counts = joined, summed
        if len(distinct):
            self._runs.append((distinct, counts))


@dataclass(slots=True)
class Tally:
    """What mapping found besides rows."""

    unknown_values: Counter[str] = field(default_factory=Counter)
    ambiguous_times: int = 0
    nonexistent_times: int = 0
    date_only: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Cell:
    """One column on its way: values, cells that cannot be typed (why), and what to count if they land."""

    values: pa.Array
    bad: np.ndarray
    reason: str = ""
    detail: str = ""
    raw: pa.Array | None = None
    identity: pa.Array | None = None  # what a generated id is made of
    unknown: np.ndarray | None = None
    instants: convert.Instants | None = None

    def spread(self, places: pa.Array, *, makes_ids: bool) -> _Cell:
        """The cell of a column whose distinct values this is of; `places` says which stands where.

        What only rejects or generated ids are made of is left out where there are none.
        """
        rows = places.to_numpy()
        at = self.instants
        return _Cell(
            self.values.take(places),
            _spread(self.bad, rows),
            self.reason,
            self.detail,
            None if self.raw is None or not self.bad.any() else self.raw.take(places),
            None if self.identity is None or not makes_ids else self.identity.take(places),
            None if self.unknown is None else _spread(self.unknown, rows),
            None
            if at is None
            else convert.Instants(
                at.values,  # those of `values`, which are not asked for again
                *(_spread(f, rows) for f in (at.bad, at.ambiguous, at.nonexistent, at.date_only)),
            ),
        )


def _spread(flags: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return flags[rows] if flags.any() else np.zeros(len(rows), bool)


def _as_text(value: Scalar) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class Mapper:
    """Maps the chunks of one file or page.  `tally` grows as they pass.

    Generated ids of different `key_scope`s never meet.
    """

    def __init__(
        self,
        settings: Settings,
        source: str,
        entity: str,
        keyer: Keyer,
        headers: list[str],
        *,
        sequence: int,
        key_scope: str = "",
    ) -> None:
        self._settings = settings
        self._source_name = source
        self._sequence = sequence
        self._source = settings.all_sources[source]
        self._entity = ENTITIES[entity]
        self._mapping = mapping = self._source.entities.get(entity, RowMapping())
        self._keyer = keyer
        self._schema = landing_schema(self._entity)
        self._clocks: dict[str, LocalClock] = {}
        self._ordinals = Ordinals()
        self._key_scope = key_scope
        self._position = 0
        self.binding = bind(self._entity, mapping, settings.attributes(entity), headers)
        self.tally = Tally()

    @property
    def delivered(self) -> tuple[str, ...]:
        """The contract columns the input has (constants and generated ids included), in order."""
        given = set(self.binding.columns)
        if self.binding.generates_key:
            given.add(self._entity.key)
        if self.binding.attributes:
            given.add("attributes")
        return tuple(name for name in self._entity.names if name in given)

    # ------------------------------------------------------------ a chunk

    def map(self, chunk: Chunk) -> tuple[pa.Table, list[Reject]]:
        """The rows of a chunk as they land, and those that do not (the chunk's own rejects included)."""
        size = len(chunk.lines)
        cells: dict[str, _Cell] = {}
        for name, origin in self.binding.columns.items():
            make = partial(self._cell, self._entity.field(name))
            cells[name] = self._by_distinct(origin, self._given(origin, chunk, size), make)
        attributes = {
            name: self._by_distinct(origin, self._given(origin, chunk, size), self._attribute)
            for name, origin in self.binding.attributes.items()
        }
        bad = np.zeros(size, bool)
        rejects = list(chunk.rejects)
        for name, cell in (*cells.items(), *((f"attributes.{n}", c) for n, c in attributes.items())):
            rejects += _rejects(name, cell, cell.bad & ~bad, chunk.lines)
            bad |= cell.bad
        good = ~bad
        self._count(cells, good)
        table = self._table(cells, attributes, good)
        self._position += len(table)
        return table, rejects

    def _given(self, origin: Origin, chunk: Chunk, size: int) -> pa.Array:
        if origin.header is None:
            constant = origin.column.constant
            return pa.repeat(pa.scalar(_as_text("" if constant is None else constant)), size)
        given = chunk.columns.get(origin.header)
        return pa.nulls(size, pa.string()) if given is None else given

    def _by_distinct(
        self, origin: Origin, given: pa.Array, make: Callable[[Origin, pa.Array], _Cell]
    ) -> _Cell:
        """What `make` makes of a column; of its distinct values where they are few."""
        few = convert.few_values(given)
        if few is None:
            cell = make(origin, given)
        else:
            cell = make(origin, few.dictionary).spread(few.indices, makes_ids=self.binding.generates_key)
        if origin.header is None:
            cell.identity = None
        return cell

    def _raw(self, origin: Origin, given: pa.Array) -> pa.Array:
        column = convert.clean(given, self._mapping.null_values)
        return _mapped_values(column, origin.column.values) if origin.column.values else column

    def _attribute(self, origin: Origin, given: pa.Array) -> _Cell:
        text = _nfc(convert.to_text(self._raw(origin, given)))
        return _Cell(self._keyer.redact_array(text), *_too_long(text), identity=text)

    def _cell(self, contract_field: Field, origin: Origin, given: pa.Array) -> _Cell:
        raw = self._raw(origin, given)
        cell = self._typed(contract_field, origin.column, raw)
        cell.raw = raw
        if cell.identity is None:
            cell.identity = cell.values
        return cell

    def _typed(self, contract_field: Field, column: Column, raw: pa.Array) -> _Cell:
        if contract_field.type is Type.DECIMAL:
            number = convert.decimal(raw)
            return _Cell(
                _rescaled(number.values, column), number.bad, "not_a_number", "send a number such as 1234.5"
            )
        if contract_field.type is Type.INTEGER:
            whole = convert.integer(raw)
            return _Cell(whole.values, whole.bad, "not_an_integer", "send a whole number")
        if contract_field.type is Type.BOOLEAN:
            flag = convert.boolean(raw)
            return _Cell(flag.values, flag.bad, "not_a_boolean", "send true or false, or map it with values")
        if contract_field.type is Type.TIMESTAMP:
            return self._instant(column, raw)
        return self._text(contract_field, convert.to_text(raw))

    def _instant(self, column: Column, raw: pa.Array) -> _Cell:
        zone = (
            column.time_zone
            or self._mapping.time_zone
            or self._source.time_zone
            or self._settings.reporting.time_zone
        )
        format_ = column.format or self._mapping.date_format
        clock = self._clocks.setdefault(zone, LocalClock(zone))
        found = convert.instant(raw, format_, clock)
        wanted = f"the format {format_}" if format_ else "ISO 8601 such as 2024-01-15T10:22:33+09:00"
        return _Cell(found.values, found.bad, "not_an_instant", f"send {wanted}", instants=found)

    def _text(self, contract_field: Field, text: pa.Array) -> _Cell:
        bad, reason, detail = _too_long(text)
        text = _nfc(text)
        role = contract_field.role
        namespace = self._source.id_namespace or self._source_name
        if role in (Role.CUSTOMER, Role.ACCOUNT) or (
            role is Role.AGENT and self._settings.privacy.agent_ids == "keyed"
        ):
            values = self._keyer.key_array(namespace, text)
            return _Cell(values, bad, reason, detail, identity=text)
        if role is Role.AGENT:
            return _Cell(text, bad, reason, detail)
        if role is Role.ID:
            return _Cell(self._keyer.safe_id_array(text), bad, reason, detail, identity=text)
        if contract_field.allowed:
            return self._listed(contract_field, text)
        return _Cell(self._keyer.redact_array(text), bad, reason, detail, identity=text)

    def _listed(self, contract_field: Field, text: pa.Array) -> _Cell:
        """A value of a closed list; an unknown one is `other`, or stays for the gate to judge."""
        allowed = pa.array(contract_field.allowed)
        words = convert.by_distinct(text, convert.word)
        known = pc.fill_null(pc.is_in(words, allowed), False)
        is_unknown = convert.flags(pc.is_valid(text)) & ~convert.flags(known)
        if not is_unknown.any():
            return _Cell(words, is_unknown & False, identity=text)
        fallback = pa.scalar("other") if contract_field.has_other else self._keyer.redact_array(text)
        values = pc.if_else(pa.array(is_unknown), fallback, words)
        return _Cell(values, *_too_long(text), identity=text, unknown=is_unknown)

    # ------------------------------------------------------------ the rows that land

    def _count(self, cells: dict[str, _Cell], good: np.ndarray) -> None:
        for name, cell in cells.items():
            if cell.unknown is not None and (count := int((cell.unknown & good).sum())):
                self.tally.unknown_values[name] += count
            if cell.instants is not None:
                self.tally.ambiguous_times += int((cell.instants.ambiguous & good).sum())
                self.tally.nonexistent_times += int((cell.instants.nonexistent & good).sum())
                if (cell.instants.date_only & good).any():
                    self.tally.date_only.add(name)

    def _table(self, cells: dict[str, _Cell], attributes: dict[str, _Cell], good: np.ndarray) -> pa.Table:
        size = int(good.sum())
        keep: Callable[[pa.Array], pa.Array]
        if size == len(good):
            keep = _same
        else:
            mask = pa.array(good)

            def keep(column: pa.Array) -> pa.Array:
                return column.filter(mask)

        columns: dict[str, pa.Array] = {name: keep(cell.values) for name, cell in cells.items()}
        if self.binding.generates_key:
            named = {**cells, **{f"attributes.{n}": c for n, c in attributes.items()}}
            texts = {n: keep(c.identity) for n, c in named.items() if c.identity is not None}
            columns[self._entity.key] = self._generated_ids(texts, size)
        self._fill_defaults(columns, size)
        columns["attributes"] = _attribute_map({n: keep(c.values) for n, c in attributes.items()}, size)
        landed = {
            "source": pa.repeat(pa.scalar(self._source_name), size),
            "batch_sequence": pa.repeat(pa.scalar(self._sequence, pa.int64()), size),
            "position": pa.array(np.arange(self._position, self._position + size)),
            "date_only": _date_only({n: c for n, c in cells.items() if c.instants is not None}, good),
        }
        for contract_field in self._entity.fields:
            name = contract_field.landed_name
            type_ = self._schema.field(name).type
            given = columns.get(contract_field.name)
            landed[name] = pa.nulls(size, type_) if given is None else given.cast(type_)
        return pa.table([landed[name] for name in self._schema.names], schema=self._schema)

    def _generated_ids(self, texts: dict[str, pa.Array], size: int) -> pa.Array:
        """hash(mapped values, ordinal among identical rows of the file), under the identity key."""
        parts = []
        for name, column in sorted(texts.items()):
            text = _identity_text(column)
            named = pc.binary_join_element_wise(_UNIT_SEPARATOR + name + "=", text, "")
            parts.append(pc.fill_null(named, ""))
        rows = pc.binary_join_element_wise(*parts, "").to_pylist() if parts else [""] * size
        prefix = self._key_scope.encode()
        digests = [self._keyer.row_digest(prefix, row.encode()) for row in rows]
        hashes = np.frombuffer(b"".join(digests), "<u8")[::2] if digests else np.array([], np.uint64)
        ordinals = self._ordinals.next(hashes)
        for row in np.flatnonzero(ordinals):
            digests[row] = hashlib.sha256(digests[row] + str(int(ordinals[row])).encode()).digest()[:16]
        return pa.array([d.hex() for d in digests], pa.string())

    def _fill_defaults(self, columns: dict[str, pa.Array], size: int) -> None:
        for contract_field in self._entity.fields:
            if contract_field.default is None:
                continue
            given = columns.get(contract_field.name)
            default = pa.scalar(contract_field.default)
            columns[contract_field.name] = (
                pa.repeat(default, size) if given is None else pc.fill_null(given, default)
            )
        name = self._entity.name
        if name == "feedback":
            key = columns.get("response_id", pa.nulls(size, pa.string()))
            columns["submission_id"] = pc.coalesce(columns.get("submission_id", key), key)
        elif name == "customers":
            default = pa.repeat(pa.scalar(self._source.relationship), size)
            columns["relationship"] = pc.coalesce(columns.get("relationship", default), default)
        elif name == "ticket_events" and "event_type" in columns:
            public = pa.array(list(_PUBLIC_BY_TYPE.values()))
            default = public.take(pc.index_in(columns["event_type"], pa.array(list(_PUBLIC_BY_TYPE))))
            columns["is_public"] = pc.coalesce(columns.get("is_public", default), default)


# ---------------------------------------------------------------- small parts


def _same(column: pa.Array) -> pa.Array:
    return column


def _nfc(text: pa.Array) -> pa.Array:
    """Composed characters (Korean from some systems comes decomposed), so that equal words are equal."""
    return pc.utf8_normalize(text, form="NFC") if matches_any(text, _MAY_COMPOSE, beyond_ascii=True) else text


def _too_long(text: pa.Array) -> tuple[np.ndarray, str, str]:
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    detail = f"longer than {MAX_FIELD_BYTES // 1024} KiB"
    if longest <= MAX_FIELD_BYTES:
        return np.zeros(len(text), bool), "field_too_long", detail
    return convert.flags(pc.greater(pc.binary_length(text), MAX_FIELD_BYTES)), "field_too_long", detail


def _mapped_values(column: pa.Array, values: dict[str, Scalar]) -> pa.Array:
    text = _nfc(convert.to_text(column))
    known = {unicodedata.normalize("NFC", k).strip(): _as_text(v) for k, v in values.items()}
    other = known.pop(_ANY_OTHER, None)
    absent = known.pop("", None)
    mapped = pa.array(list(known.values()), pa.string()).take(
        pc.index_in(text, pa.array(list(known), pa.string()))
    )
    found = pc.is_in(text, pa.array(list(known), pa.string()))
    rest = text if other is None else pc.if_else(pc.is_valid(text), other, pa.scalar(None, pa.string()))
    result = pc.if_else(found, mapped, rest)
    return result if absent is None else pc.fill_null(result, absent)


def _rescaled(values: pa.Array, column: Column) -> pa.Array:
    if column.rescale is None:
        return values
    (low, high), (to_low, to_high) = column.rescale.from_, column.rescale.to
    moved = pc.divide(pc.multiply(pc.subtract(values, low), to_high - to_low), high - low)
    return pc.add(moved, to_low)


def _rejects(name: str, cell: _Cell, which: np.ndarray, lines: np.ndarray) -> list[Reject]:
    rows = np.flatnonzero(which)
    if not len(rows):
        return []
    if cell.reason == "field_too_long" or cell.raw is None:
        return [Reject(int(lines[row]), "field_too_long", cell.detail, name) for row in rows]
    raw = convert.to_text(cell.raw).take(pa.array(rows)).to_pylist()
    return [
        Reject(int(lines[row]), cell.reason, f"{cell.detail}; it has the form {shape(value or '')}", name)
        for row, value in zip(rows, raw, strict=True)
    ]


def _identity_text(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64()).cast(pa.string())
    return column.cast(pa.string())


def _date_only(cells: dict[str, _Cell], good: np.ndarray) -> pa.Array:
    """The comma-separated names of the columns whose input was a date without a time."""
    instants = {name: cell.instants for name, cell in cells.items() if cell.instants is not None}
    if not any(found.date_only.any() for found in instants.values()):
        return pa.nulls(int(good.sum()), pa.string())
    text = np.full(int(good.sum()), "", dtype=object)
    for name, found in instants.items():
        here = found.date_only[good]
        text[here] = [f"{t},{name}" if t else name for t in text[here]]
    return pa.array([t or None for t in text], pa.string())


def _attribute_map(columns: dict[str, pa.Array], size: int) -> pa.Array:
    """One map a row, of the attributes that have a value."""
    type_ = pa.map_(pa.string(), pa.string())
    if not columns:
        return pa.nulls(size, type_)
    valid = np.column_stack([convert.flags(pc.is_valid(c)) for c in columns.values()])
    offsets = np.concatenate(([0], np.cumsum(valid.sum(axis=1)))).astype(np.int32)
    rows, which = np.nonzero(valid)
    keys = pa.array(list(columns)).take(pa.array(which))
    items = pa.concat_arrays(list(columns.values())).take(pa.array(which * size + rows))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items).cast(type_)
