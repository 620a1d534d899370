"""The words of the page in each language, from `words.toml` beside this file.  Pure but for the reading."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from cx_pipeline.scorecard.names import Language


@cache
def words() -> dict[str, dict[Language, str]]:
    """Every key -> its text in each language."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def word(key: str, language: Language) -> str:
    """The text of a key; KeyError for one that does not exist."""
    return words()[key][language]
