"""Writes a sample: a believable company as file drops, in the contract's own header names.

Customers come in blocks of at most `BLOCK`, each generated whole from its own random streams and
written before the next begins, so that memory does not grow with the sample.  What enters: the size,
the seed and the last day.  What leaves: files below the directory and a `SampleReport`.  Called by the
command line and by tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from cx_pipeline.sample import dirt
from cx_pipeline.sample.clock import Window
from cx_pipeline.sample.comments import give_away, make_identifiers
from cx_pipeline.sample.draw import stream
from cx_pipeline.sample.facts import Tally
from cx_pipeline.sample.files import Layout, ParquetDrop, TextDrop, write_text
from cx_pipeline.sample.journey import make_steps, step_rows
from cx_pipeline.sample.orders import after_walkouts, make_orders, order_rows
from cx_pipeline.sample.people import customer_rows, make_people
from cx_pipeline.sample.readme import readme
from cx_pipeline.sample.report import Dirt, PlantedIdentifier, SampleReport, WrittenFile
from cx_pipeline.sample.support import (
    EVENT_SCHEMA,
    Agents,
    event_rows,
    make_agents,
    make_tickets,
    play_out,
    settle,
    ticket_rows,
)
from cx_pipeline.sample.voice import FILES, Numbering, answer_rows, file_of, listen

DEFAULT_END = date(2026, 9, 30)
BLOCK = 10_000
"""Customers generated at a time; about 400 MB of memory."""
_IDENTIFIER_BLOCK = 2**20 + 1  # a block number no block has

_LAYOUTS = (
    Layout(dirt.CUSTOMERS, "csv", byte_order_mark="\ufeff"),
    Layout(dirt.SURVEYS, "csv", gzip=True),
    Layout(dirt.REVIEWS, "csv", encoding="cp949"),
    Layout(dirt.EMPLOYEES, "tsv", encoding="utf-16-le", byte_order_mark="\ufeff"),
    Layout(dirt.TICKETS, "csv"),
    Layout(dirt.TRANSACTIONS, "tsv"),
    Layout(dirt.TOUCHPOINTS, "jsonl", gzip=True),
)
_FEEDBACK = (dirt.SURVEYS, dirt.REVIEWS, dirt.EMPLOYEES)


@dataclass
class _Writing:
    """What grows from block to block."""

    seed: int
    window: Window
    agents: Agents
    identifiers: tuple[PlantedIdentifier, ...]
    drops: dict[str, TextDrop]
    events: ParquetDrop
    planted: dirt.Planted
    tally: Tally
    first: Numbering = field(default_factory=lambda: Numbering(1, 1, 1, 1))
    first_event: int = 1
    first_step: int = 1
    first_session: int = 1
    superseded: int = 0
    given_away: set[int] = field(default_factory=set)

    def block(self, number: int, first_customer: int, size: int, is_last: bool) -> None:
        """Generate `size` customers and append all that is about them."""
        rng = [stream(self.seed, number, part) for part in range(6)]
        window = self.window
        sentences = give_away(self.identifiers)
        people = make_people(rng[0], window, first_customer, size)
        wanted = make_orders(rng[1], people, window)
        tickets, leaves = make_tickets(rng[2], people, wanted, window)
        log, told = play_out(rng[3], tickets, self.agents, window)
        orders, ended, places = after_walkouts(wanted, people, leaves)
        tickets = replace(tickets, order=places[tickets.order])
        steps = make_steps(rng[4], people=people, orders=orders, tickets=tickets, support=told, window=window)
        answers, rated = listen(
            rng[5],
            people=people,
            orders=orders,
            tickets=tickets,
            support=told,
            agents=self.agents,
            steps=steps,
            leaves=leaves,
            window=window,
            sentences=len(sentences),
        )
        log.add_survey(*rated)
        latest = settle(log, tickets, window)
        self.tally.add(
            people=people, orders=orders, tickets=tickets, support=told, answers=answers, steps=steps
        )

        first = self.first
        customers, superseded = customer_rows(people, ended)
        self.superseded += superseded
        texts = {
            dirt.CUSTOMERS: customers,
            dirt.TICKETS: ticket_rows(tickets, told, latest, people, first.ticket),
            dirt.TRANSACTIONS: order_rows(orders, people, first.order),
            dirt.TOUCHPOINTS: step_rows(steps, people, self.first_step, self.first_session),
        }
        delivered_in = file_of(answers)
        for code in range(len(FILES)):
            rows = np.flatnonzero(delivered_in == code)
            texts[_FEEDBACK[code]] = answer_rows(answers, people, rows, first, sentences)
        for path, table in texts.items():
            drop = self.drops[path]
            extra = self.planted.lines(path, table.column_names, drop.layout.format) if is_last else ()
            drop.write(table, extra)
        self.events.write(event_rows(latest.events, self.first_event, first.ticket))
        if is_last:
            self.events.write(self.planted.events(window))
        told_away = np.unique(answers.given_away)
        self.given_away |= {int(k) % len(self.identifiers) for k in told_away if k >= 0}
        self.first = Numbering(
            first.ticket + len(tickets),
            first.order + len(orders),
            first.answer + len(answers),
            first.submission + int(answers.submission.max(initial=-1)) + 1,
        )
        self.first_event += len(latest.events["at"])
        self.first_step += len(steps)
        self.first_session += int(steps.session.max(initial=-1)) + 1


def write_sample(
    directory: Path,
    customers: int = 2000,
    days: int = 400,
    seed: int = 1,
    end: date = DEFAULT_END,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SampleReport:
    """Write `customers` over the `days` up to `end` below `directory`; the same seed, the same bytes.

    `on_progress` is called with the customers written so far and their number.  Files of an earlier
    sample are replaced, each at once; others are left alone.  ValueError for a size below one, OSError
    where the directory cannot be written.
    """
    if customers < 1 or days < 1:
        raise ValueError("a sample needs at least one customer and one day")
    window = Window(end - timedelta(days=days - 1), end)
    seed_used = seed % 2**64
    drops = {layout.path: TextDrop(directory, layout) for layout in _LAYOUTS}
    writing = _Writing(
        seed=seed_used,
        window=window,
        agents=make_agents(seed_used, window, customers),
        identifiers=make_identifiers(stream(seed_used, _IDENTIFIER_BLOCK, 0)),
        drops=drops,
        events=ParquetDrop(directory, dirt.EVENTS, EVENT_SCHEMA),
        planted=dirt.Planted(window),
        tally=Tally(window),
    )
    opened: list[TextDrop | ParquetDrop] = [*drops.values(), writing.events]
    try:
        for number, done in enumerate(range(0, customers, BLOCK)):
            size = min(BLOCK, customers - done)
            writing.block(number, done + 1, size, done + size == customers)
            if on_progress is not None:
                on_progress(done + size, customers)
    except BaseException:
        for drop in opened:
            drop.abandon()
        raise
    for drop in opened:
        drop.finish()
    rows = {path: drop.rows for path, drop in drops.items()} | {dirt.EVENTS: writing.events.rows}
    report = SampleReport(
        directory=directory,
        customers=customers,
        days=days,
        seed=seed,
        start=window.start,
        end=end,
        bad_week=window.bad_monday,
        files=tuple(
            WrittenFile(path, path.split("/")[0], n, (directory / path).stat().st_size)
            for path, n in sorted(rows.items())
        ),
        facts=writing.tally.facts(),
        dirt=(
            *writing.planted.dirt,
            Dirt(
                dirt.CUSTOMERS,
                "superseded",
                "customers whose segment changed: two versions, the later one published",
                "세그먼트가 바뀐 고객: 두 버전 중 나중 것이 게시됨",
                writing.superseded,
            ),
        ),
        identifiers=tuple(writing.identifiers[k] for k in sorted(writing.given_away)),
    )
    write_text(directory / "README.md", readme(report))
    return report
