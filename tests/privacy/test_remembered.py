"""The memory of digests: a known id has its own digest, and no other id ever has it."""

import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.privacy.remembered import DIGEST_WORDS, Remembered, exact_keys

IDS = st.lists(st.text(alphabet="a\0가1", max_size=50), max_size=30)


def _digests(ids: list[str]) -> np.ndarray:
    made = b"".join(hashlib.sha256(i.encode()).digest() for i in ids)
    return np.frombuffer(made, np.uint64).reshape(-1, DIGEST_WORDS)


@settings(deadline=None)
@given(IDS, st.integers(0, 3))
def test_exact_keys_are_equal_where_ids_are(ids: list[str], before: int) -> None:
    """Whatever an id ends with, and wherever its column begins, it is told from every other."""
    column = pa.array(["x" * 9] * before + ids, pa.string()).slice(before)
    (one, fits), (other, _) = exact_keys(0, column), exact_keys(1, column)
    assert fits.tolist() == [len(i.encode()) <= 46 for i in ids]
    keys = [row.tobytes() for row in one]
    for i, a in enumerate(ids):
        assert all(not (fits[i] and fits[j]) or (keys[i] == keys[j]) == (a == b) for j, b in enumerate(ids))
        assert one[i].tobytes() != other[i].tobytes()


@settings(deadline=None)
@given(st.lists(IDS, max_size=6), st.sampled_from([1, 4, 64, 1 << 14]))
def test_what_is_known_is_right(columns: list[list[str]], most: int) -> None:
    """However small the memory, and however often it grew: forgotten at most, never mistaken."""
    memory = Remembered(most)
    for ids in columns:
        words, fits = exact_keys(0, pa.array(ids, pa.string()))
        known, found = memory.find(words)
        assert (found[known & fits] == _digests(ids)[known & fits]).all()
        new = fits & ~known
        memory.put(words[new], _digests(ids)[new])


def test_a_memory_that_grows_forgets_little() -> None:
    ids = [f"user{i}@example.com" for i in range(60_000)]
    memory = Remembered()
    for start in range(0, len(ids), 5_000):
        part = ids[start : start + 5_000]
        memory.put(exact_keys(0, pa.array(part))[0], _digests(part))
    known, found = memory.find(exact_keys(0, pa.array(ids))[0])
    assert known.mean() > 0.9
    assert (found[known] == _digests(ids)[known]).all()
