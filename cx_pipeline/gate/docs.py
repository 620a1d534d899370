"""`docs/entities.md` and the file-drop templates, written from the contract and the suites.

`python -m cx_pipeline.gate.docs` writes them; a test fails where they are not what it would write.
What enters: the contract and the suites.  What leaves: the pages by their path below `docs/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cx_pipeline.contract import DEFAULT_SCALES, ENTITIES, Entity, Field, Role, Type
from cx_pipeline.gate.suite import Suite, load_suites

DOCS = Path(__file__).parents[2] / "docs"

_HEAD = """\
<!-- Written by `python -m cx_pipeline.gate.docs` from the contract and the suites: change those, not this page. -->

# The entities

Everything that comes in becomes rows of these six entities, and every KPI is computed from them alone. A file dropped
into `inbox/<entity>/` has the names below as its header (any order, the optional ones may be absent), or a mapping in
`cx_pipeline.toml` that leads to them.

| type | what it is |
|---|---|
| text | valid Unicode, at most 64 KiB |
| integer, decimal | a number; decimals are finite double-precision numbers |
| timestamp | an instant, kept in UTC with microseconds; without an offset it is read in its source's time zone; a date alone stands for noon there and gives no duration |
| boolean | true or false |
| map | text by text: the attributes the settings declare for the entity |

A required column must be in the input and in every row. A column with *allowed* values is a closed list: an unknown value
becomes `other` where the list has it (and is counted), else the row is quarantined. `source`, the configured name of
where a row came from, is added by the pipeline. Columns nobody asked for stay out and are named in the night's log.

Identity: `customer_id`, `account_id` and (unless `privacy.agent_ids = "as_is"`) `agent_id` never land as they are: what
lands is a key under which the same person has one name across sources.

[gate.md](gate.md) says what becomes of a row or a batch that breaks a rule.
"""  # noqa: E501 - Markdown


def pages() -> dict[str, str]:
    """Path below `docs/` -> content: the page of the entities, and a header line to start a file from."""
    suites = load_suites()
    body = "\n".join(_entity(entity, suites[name]) for name, entity in ENTITIES.items())
    templates = {f"templates/{name}.csv": f"{_header(entity)}\n" for name, entity in ENTITIES.items()}
    return {"entities.md": f"{_HEAD}\n{body}"} | templates


def _header(entity: Entity) -> str:
    return ",".join(field.name for field in entity.fields if field.type is not Type.MAP)


def _entity(entity: Entity, suite: Suite) -> str:
    row_rules = [(f"`{r.name}`", r.description) for r in suite.of_kind("row")]
    batch_rules = [(f"`{r.name}`", r.description, r.severity) for r in suite.of_kind("batch")]
    return "\n".join(
        (
            f"## {entity.name}\n",
            f"One row: {entity.description[0].lower()}{entity.description[1:]} "
            f"Key: `source`, `{entity.key}`.\n",
            _table(("column", "type", "what it is", "allowed", "default"), map(_row, entity.fields)),
            *_scales(entity),
            f"Header of a file drop ([template](templates/{entity.name}.csv); "
            "an attribute the settings declare adds its column):\n",
            f"```\n{_header(entity)}\n```\n",
            f"A row that breaks one of these rules is quarantined (`expectations/{entity.name}.yaml`):\n",
            _table(("rule", "what must hold"), row_rules),
            "Rules for a batch; a broken `critical` one holds it:\n",
            _table(("rule", "what must hold", "severity"), batch_rules),
        )
    )


def _row(field: Field) -> tuple[str, ...]:
    name = f"**{field.name}**" if field.required else field.name
    note = " Redacted by pattern before it lands." if field.role is Role.FREE_TEXT else ""
    default = "" if field.default is None else str(field.default).lower()
    return (name, field.type.value, f"{field.description}{note}", _allowed(field), default)


def _allowed(field: Field) -> str:
    if field.allowed:
        return ", ".join(field.allowed)
    if field.minimum is not None:
        return f"{'>' if field.exclusive_minimum else '≥'} {field.minimum:g}"
    return f"`{field.pattern}`".replace("|", "\\|") if field.pattern else ""


def _scales(entity: Entity) -> tuple[str, ...]:
    if entity.name != "feedback":
        return ()
    rows = ((metric, f"{low:g} to {high:g}") for metric, (low, high) in DEFAULT_SCALES.items())
    text = "Scales where neither the row nor `dbt_project/seeds/surveys.csv` declares one:\n"
    return (text, _table(("metric", "scale"), rows))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Write every page."""
    for name, content in pages().items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
