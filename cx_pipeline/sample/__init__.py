"""The sample: a believable bilingual company, written as file drops with planted facts."""

from cx_pipeline.sample.generate import DEFAULT_END, write_sample
from cx_pipeline.sample.report import Dirt, Fact, Figure, PlantedIdentifier, SampleReport, WrittenFile

__all__ = [
    "DEFAULT_END",
    "Dirt",
    "Fact",
    "Figure",
    "PlantedIdentifier",
    "SampleReport",
    "WrittenFile",
    "write_sample",
]
