"""Landing: the immutable, replayable history of what came in.

The names below are the room's whole interface; they load pyarrow, so import the room where it is used.
"""

from cx_pipeline.landing.batch import Batch, current_generations
from cx_pipeline.landing.index import LandedFile, LandingError, landed_files
from cx_pipeline.landing.pages import Days
from cx_pipeline.landing.pull import pull_files
from cx_pipeline.landing.report import FileReport, PullReport, ServiceReport, Totals
from cx_pipeline.landing.services import connect, pull_service
from cx_pipeline.landing.store import (
    batch_path,
    ensure_empty_files,
    list_batches,
    read_batch,
)

__all__ = [
    "Batch",
    "Days",
    "FileReport",
    "LandedFile",
    "LandingError",
    "PullReport",
    "ServiceReport",
    "Totals",
    "batch_path",
    "connect",
    "current_generations",
    "ensure_empty_files",
    "landed_files",
    "list_batches",
    "pull_files",
    "pull_service",
    "read_batch",
]
