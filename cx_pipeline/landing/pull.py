"""Pulling files: what lies in the inbox becomes batches, each content once.

What enters: the settings, a source's name and the night.  What leaves: landed batches and a `PullReport`
that says of every file what became of it.  One bad file never keeps another from landing; only what makes
every batch wrong (the identity key, a damaged store) raises.  Called by the Dagster assets and by tests,
under the night's lock.
"""

from __future__ import annotations

from datetime import date

from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing.contents import Contents, Found
from cx_pipeline.landing.index import LandingError
from cx_pipeline.landing.loading import FileLoading, Progress
from cx_pipeline.landing.report import PullReport
from cx_pipeline.settings import INBOX_SOURCE, Settings
from cx_pipeline.sources.files.inbox import Drop, Inbox, survey
from cx_pipeline.sources.rows.records import FileError


class _InboxPull(FileLoading):
    """One pull of one source of the inbox."""

    def __init__(self, settings: Settings, source: str, night: date, on_progress: Progress | None) -> None:
        if source not in settings.file_sources:
            raise LandingError(
                f"there is no enabled source of files {source!r}; there are "
                f"{', '.join(settings.file_sources)}"
            )
        mappings = settings.file_sources[source].entities
        super().__init__(settings, source, night, mappings, on_progress)
        self.contents = Contents(self.paths)

    def run(self) -> PullReport:
        inbox = survey(self.settings)
        self._report_strange(inbox)
        for entity in ENTITIES:
            drops = inbox.claimed.get((self.source, entity), [])
            if drops:
                self.load_entity(entity, [self._found(d) for d in drops])
        self.contents.save()
        return PullReport(self.source, self.night, tuple(self.outcomes), tuple(self.notes))

    def _report_strange(self, inbox: Inbox) -> None:
        for drop, owners in inbox.disputed:
            if self.source in owners:
                message = (
                    f"claimed by the sources {' and '.join(owners)}: make their files patterns exclusive"
                )
                self.fail(drop.entity, self.keyer.safe_path(drop.name), message)
        if self.source == INBOX_SOURCE:
            self.notes += [f"not used: {self.keyer.redact(line)}" for line in inbox.strange]
        else:
            for entity, mapping in self.mappings.items():
                if not mapping.files:
                    self.notes.append(
                        f'sources.{self.source}.{entity} claims no file: give it files = "pattern"'
                    )

    def _found(self, drop: Drop) -> Found:
        origin = self.keyer.safe_path(drop.name)
        try:
            return Found(drop, origin, *self.contents.sha256(drop.path))
        except FileError as error:
            return Found(drop, origin, problem=str(error))


def pull_files(
    settings: Settings, source_name: str, night: date, on_progress: Progress | None = None
) -> PullReport:
    """Land what is new in the inbox for one source.

    Never raises for a bad file (see `PullReport.failed`); `LandingError` where nothing may land: the identity
    key is missing, readable by others or another one, or the landing folder is damaged.
    """
    return _InboxPull(settings, source_name, night, on_progress).run()
