"""Digests of ids met before, so that an id that comes again is not hashed again.

What enters: columns of ids, and the digests of those that were new.  What leaves: which are known, and their
digests.  Called by the keyer alone.  The memory is a table looked up a column at a time, without making a
Python object of each id; it is bounded, and an id that finds both of its places taken takes the first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_WORDS = 6  # of 8 bytes: an id of at most 46 bytes, its length, its namespace
_LONGEST = 8 * _WORDS - 2
DIGEST_WORDS = 4
_FEWEST, _MOST = 1 << 14, 1 << 21  # places, 80 bytes each
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def exact_keys(namespace: int, values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a string array without nulls, each as a row of words; which are short enough to have one.

    Two ids have the same words only if they are the same and of the same namespace (0 to 253).
    """
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset : values.offset + len(values) + 1]
    text = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    padded = np.concatenate((text, np.zeros(8 * _WORDS, np.uint8)))
    at_each_byte = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    starts, lengths = (offsets[:-1] - offsets[0]).astype(np.int64), np.diff(offsets)
    fits = lengths <= _LONGEST
    words = np.zeros((len(values), _WORDS), np.uint64)
    for word in range(-(-min(int(lengths.max(initial=0)), _LONGEST) // 8)):
        words[:, word] = at_each_byte[starts + 8 * word] & _MASKS[np.clip(lengths - 8 * word, 0, 8)]
    tail = (np.minimum(lengths, _LONGEST).astype(np.uint64) << np.uint64(8)) | np.uint64(namespace + 1)
    words[:, -1] = (words[:, -1] & _MASKS[6]) | tail << np.uint64(48)
    return words, fits


class Remembered:
    """A memory of the digests (rows of four words) of exact keys."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._taken = 0
        self._empty(min(_FEWEST, most))

    def _empty(self, places: int) -> None:
        self._rows = np.zeros((places, _WORDS + DIGEST_WORDS), np.uint64)  # side by side: one look at memory

    def _places(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two places each key may have."""
        mixed = np.zeros(len(words), np.uint64)
        for word in range(_WORDS):
            mixed = (mixed ^ words[:, word]) * _MIX
            mixed ^= mixed >> _HALF
        last = np.uint64(len(self._rows) - 1)
        return (mixed & last).astype(np.int64), (mixed * _MIX >> _HALF & last).astype(np.int64)

    def find(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(which keys are known, their digests; those of the unknown mean nothing)"""
        place, second = self._places(words)
        rows = self._rows.take(place, axis=0)
        known = _are_equal(rows, words)
        others = np.flatnonzero(~known)
        elsewhere = self._rows.take(second[others], axis=0)
        rows[others] = elsewhere
        known[others] = _are_equal(elsewhere, words[others])
        return known, rows[:, _WORDS:]

    def put(self, words: np.ndarray, digests: np.ndarray) -> None:
        """Remember the digests of keys that are not known."""
        if self._taken + len(words) > len(self._rows) // 2 and len(self._rows) < self._most:
            self._grow(2 * (self._taken + len(words)))
        first, second = self._places(words)
        is_free = self._rows[first, _WORDS - 1] == 0
        is_free_elsewhere = self._rows[second, _WORDS - 1] == 0
        place = np.where(~is_free & is_free_elsewhere, second, first)
        self._taken += int((is_free | is_free_elsewhere).sum())
        self._rows[place] = np.hstack((words, digests))  # of keys that want one place the last has it

    def _grow(self, wanted: int) -> None:
        there = self._rows[self._rows[:, _WORDS - 1] != 0]
        places = len(self._rows)
        while places < min(wanted, self._most):
            places *= 4
        self._taken = 0
        self._empty(min(places, self._most))
        self.put(there[:, :_WORDS], there[:, _WORDS:])


def _are_equal(rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    differing = rows[:, 0] ^ words[:, 0]
    for word in range(1, _WORDS):
        differing |= rows[:, word] ^ words[:, word]
    return np.asarray(differing == 0)
