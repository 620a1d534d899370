"""A night as a whole: the one lock, and the record each run leaves."""

from cx_pipeline.night.lock import Holder, NightBusy, NightLock
from cx_pipeline.night.record import NightRecord, read_records, write_record

__all__ = ["Holder", "NightBusy", "NightLock", "NightRecord", "read_records", "write_record"]
