"""Pulling services: of a connector of records its pages, of a connector of files its objects.

What enters: the settings, a source's name, the night, perhaps a window of days.  What leaves: landed batches
and a `ServiceReport`.  Called by the Dagster assets and by tests, under the night's lock.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from cx_pipeline.landing.objects import ObjectPull
from cx_pipeline.landing.pages import Days, PagePull
from cx_pipeline.landing.report import PullReport, ServiceReport, Totals
from cx_pipeline.settings import Settings
from cx_pipeline.sources import connectors
from cx_pipeline.sources.connector import Connector, Link, ObjectConnector
from cx_pipeline.sources.http.clock import Clock

_OBJECTS_BETWEEN_COLLECTIONS = 200_000


def connect(
    settings: Settings, source: str, clock: Clock | None = None, patience: float = 900.0
) -> Connector[Any]:
    """The connector of a configured service.  Makes no call."""
    configured = settings.services[source]
    attributes = {entity: settings.attributes(entity) for entity in settings.entities}
    link = Link(source, clock or Clock(), patience, attributes, settings.reporting.time_zone)
    return connectors.find(configured.type)(configured, link)


def pull_service(
    settings: Settings,
    source: str,
    night: date,
    *,
    days: Days | None = None,
    connector: Connector[Any] | None = None,
    on_page: Callable[[int], None] | None = None,
) -> ServiceReport:
    """Land what a service has since the last night or, with `days`, what it has of those days.

    Never raises for a service that fails (see `ServiceReport.problems`); `LandingError` where nothing may
    land.
    """
    connector = connector or connect(settings, source)
    try:
        if isinstance(connector, ObjectConnector):
            return _pull_objects(settings, source, night, connector, days=days, on_page=on_page)
        pull = PagePull(settings, source, night, connector, on_page)
        with _seldom_collecting():
            pull.run(days)
        return pull.report()
    finally:
        connector.link.close()


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """A page is many objects and no cycle: looking for cycles at the usual pace takes a third of its time."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _pull_objects(
    settings: Settings,
    source: str,
    night: date,
    connector: ObjectConnector[Any],
    *,
    days: Days | None,
    on_page: Callable[[int], None] | None,
) -> ServiceReport:
    """The report of a pull of files that lie elsewhere; they have no days of their own to pull again."""
    pull = ObjectPull(settings, source, night, connector, on_page)
    if days is None:
        pull.run()
    files = PullReport(source, pull.night, tuple(pull.outcomes), tuple(pull.notes))
    said = [f"{f.origin}: {note}" for f in files.files if f.outcome != "failed" for note in f.notes]
    notes = [pull.keyer.redact(note) for note in (*pull.notes, *connector.link.notes)]
    totals = {entity: Totals() for entity in connector.delivers(connector.settings)} | files.totals
    return ServiceReport(
        source,
        pull.night,
        totals,
        tuple(pull.problems),
        tuple(dict.fromkeys([*notes, *said])),
        calls=connector.link.calls,
        pages=pull.fetches,
    )
