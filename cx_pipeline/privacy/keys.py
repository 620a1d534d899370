"""Keys instead of identities: the same person has one key in every source, and nobody's id lands.

What enters: ids as vendors have them, the identity key and the settings.  What leaves: 64 hex digits,
HMAC-SHA-256(key, namespace ‖ 0x00 ‖ normalised id).  The namespace is `email` or `phone` when the value is
one (so that a person is one key across sources), else the source's `id_namespace` (so that shop customer
123 is not help-desk user 123).  A links file joins ids that only the company knows to be one person.
"""

from __future__ import annotations

import binascii
import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cx_pipeline.privacy.errors import PrivacyError
from cx_pipeline.privacy.identity_key import IdentityKey
from cx_pipeline.privacy.redact import Redactor, fold, matches_any, replace_where
from cx_pipeline.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from cx_pipeline.privacy.remembered import Remembered

Identity = tuple[str, str]
"""(namespace, normalised id)"""

EMAIL, PHONE, ID = "email", "phone", "id"
LINK_COLUMNS = ("namespace", "customer_id", "same_as_namespace", "same_as_customer_id")
_LOOKED_AT = 1_024  # ids that tell whether most are distinct

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.[^\s@<>()\[\],;:\".]{2,}")
_PHONE_LIKE = re.compile(r"\+?[\d\s().\-/]{7,24}")
_BLOCK = 64  # bytes, of SHA-256
_MOBILE_DIGITS = re.compile(r"01[016789]\d{7,8}")
_PHONE_START = re.compile(r"\+|\(?0|1[568]\d{2}-|82[-. ]")  # 20240115-17 is valid in New York
_BARE_DIGITS = re.compile(r"\d+")
_ODD_ID = (
    r"@|%40|[^\x00-\x7F]|\+ ?[0-9]|\([0-9]"
    r"|01[016789][-. )]{0,3}[0-9]{3,4}[-. ]{0,3}[0-9]{4}"  # a Korean mobile number
    r"|(?:^|[^A-Za-z0-9])0[0-9]{1,4}[-. )/]{1,3}[0-9]"  # a national number with its trunk zero
    r"|[0-9]{2,3}[-. ][0-9]{3,4}[-. ][0-9]{4}|1[568][0-9]{2}-[0-9]{4}"
    r"|[0-9]{6} ?- ?[0-9]|[0-9]{4}[- ][0-9]{4,6}[- ][0-9]{4}"  # resident and card numbers
    r"|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|:[0-9A-Fa-f]*:"  # IP addresses
)
"""RE2 and re: ids without a match (T-00000123, a UUID, a time stamp) cannot identify a person."""
_ODD_IDS = _ODD_ID.replace("(?:^|[^A-Za-z0-9])0", "0")
"""RE2: the same for ids one after the other, where what stands before one is the end of another."""
_PLAIN_EMAIL = r"^[a-z0-9][a-z0-9._+-]*@[a-z0-9][a-z0-9.-]*\.[a-z]{2,}$"
"""RE2: addresses that are in normal form already."""
_PLAIN_ID = r"^(?:[0-9_-]*[A-Za-z][A-Za-z0-9_-]*|[1-9][0-9]*)$"
"""RE2: ids that are neither addresses nor phone numbers, and in normal form already."""
_IS_ODD_ID = re.compile(_ODD_ID)
_NORTH_AMERICAN = re.compile(r"(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}")


def normalised_text(value: str) -> str:
    """NFKC, trimmed; case stays, since opaque ids may differ by it."""
    return unicodedata.normalize("NFKC", value).strip()


def as_email(text: str) -> str | None:
    """The address in normal form (lower case) where `text` is one and nothing else."""
    lowered = text.lower().removeprefix("mailto:")
    return lowered if _EMAIL.fullmatch(lowered) else None


def as_phone(text: str, regions: tuple[str, ...]) -> str | None:
    """E.164 where `text` is a phone number and nothing else.

    Bare digits are an opaque id (a shop's customer 4155552671 is no phone) unless they have the form of a
    Korean mobile number; anything else needs a `+` or separators and must be valid in one of `regions`.
    """
    candidate = fold(text)[0].strip()
    if candidate[:4].lower() == "tel:":
        candidate = candidate[4:]
    if not _PHONE_LIKE.fullmatch(candidate) or len(re.sub(r"\D", "", candidate)) < 8:
        return None
    if _BARE_DIGITS.fullmatch(candidate) and not _MOBILE_DIGITS.fullmatch(candidate):
        return None
    form = _NORTH_AMERICAN.fullmatch(candidate)
    if not form and not _PHONE_START.match(candidate):
        return None
    import phonenumbers

    for region in regions or ("ZZ",):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        if candidate.startswith("+") or (form and number.country_code == 1):
            accepted = phonenumbers.is_possible_number(number)
        else:  # in Korea, (415) 555-2671 would pass for 041-555-52671 without its trunk zero
            accepted = not form and phonenumbers.is_valid_number_for_region(number, region)
        if accepted:
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None


def identify(value: str, namespace: str, regions: tuple[str, ...]) -> Identity:
    """Whose id `value` is: its namespace and normal form."""
    text = normalised_text(value)
    if (address := as_email(text)) is not None:
        return EMAIL, address
    if (number := as_phone(text, regions)) is not None:
        return PHONE, number
    return namespace, text


class Links:
    """Ids known to be one person, joined by union-find; the least of a group stands for all."""

    def __init__(self, pairs: Iterable[tuple[Identity, Identity]] = ()) -> None:
        self._parent: dict[Identity, Identity] = {}
        for one, other in pairs:
            first, second = sorted((self.resolve(one), self.resolve(other)))
            self._parent[second] = first

    def __bool__(self) -> bool:
        return bool(self._parent)

    def resolve(self, identity: Identity) -> Identity:
        """The identity that stands for the person."""
        root = identity
        while (above := self._parent.get(root)) is not None:
            root = above
        while identity != root:  # shorten the way for the next one
            self._parent[identity], identity = root, self._parent[identity]
        return root


def read_links(path: Path, regions: tuple[str, ...]) -> Links:
    """The links file: a UTF-8 CSV with the header `LINK_COLUMNS`, one pair of ids a line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != LINK_COLUMNS:
                raise PrivacyError(f"privacy.links_file {path}: the header must be {','.join(LINK_COLUMNS)}")
            pairs = []
            for row in reader:
                values = [(row[name] or "").strip() for name in LINK_COLUMNS]
                if None in row or not all((values[1], values[3])):
                    raise PrivacyError(
                        f"privacy.links_file {path}, line {reader.line_num}: each line needs "
                        "four fields, with both customer ids filled"
                    )
                pairs.append(
                    (identify(values[1], values[0], regions), identify(values[3], values[2], regions))
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PrivacyError(f"privacy.links_file {path} cannot be read: {type(error).__name__}") from error
    return Links(pairs)


class Keyer:
    """Keys ids and redacts texts under one identity key."""

    def __init__(
        self, key: IdentityKey, regions: tuple[str, ...] = ("KR", "US"), links: Links | None = None
    ) -> None:
        self._key = key
        self._regions = regions
        self._links = links or Links()
        self._redactor = Redactor(regions)
        self._known: Remembered | None = None  # made when the first column comes
        self._namespaces: dict[str, int] = {}
        # HMAC (RFC 2104) begins with a block of the key: hashed once, its state is copied for each message
        block = hashlib.sha256(key.secret).digest() if len(key.secret) > _BLOCK else key.secret
        block = block.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    @classmethod
    def of(cls, settings: Settings, key: IdentityKey) -> Keyer:
        """The keyer the settings describe."""
        privacy = settings.privacy
        links = read_links(privacy.links_file, privacy.phone_regions) if privacy.links_file else None
        return cls(key, privacy.phone_regions, links)

    @property
    def fingerprint(self) -> str:
        return self._key.fingerprint

    def digest(self, namespace: str, text: str) -> str:
        """HMAC-SHA-256(key, namespace ‖ 0x00 ‖ text) as 64 hex digits."""
        return self._hmac(namespace.encode() + b"\0" + text.encode()).hex()

    def _hmac(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def row_digest(self, scope: bytes, row: bytes) -> bytes:
        """16 bytes that stand for a row without an id: keyed, since a row may hold who wrote it."""
        keyed = hashlib.blake2b(row, digest_size=16, key=self._key.secret[:64], person=b"row id")
        if scope:
            keyed.update(b"\0" + scope)
        return keyed.digest()

    def key(self, namespace: str, value: str) -> str:
        """The key of the person whose id `value` is."""
        return self._digest_of(namespace, value).hex()

    def _digest_of(self, namespace: str, value: str) -> bytes:
        found, text = self._links.resolve(identify(value, namespace, self._regions))
        return self._hmac(found.encode() + b"\0" + text.encode())

    def key_array(self, namespace: str, values: pa.Array) -> pa.Array:
        """The keys of a string array; null stays null."""
        import pyarrow.compute as pc

        first = values.slice(0, _LOOKED_AT)
        if not values.null_count and pc.count_distinct(first).as_py() > len(first) // 2:
            return self._keys(namespace, values)
        encoded = values.dictionary_encode()
        return self._keys(namespace, encoded.dictionary).take(encoded.indices)

    def _keys(self, namespace: str, values: pa.Array) -> pa.Array:
        """The keys of ids, none of them null."""
        import numpy as np
        import pyarrow as pa

        from cx_pipeline.privacy.remembered import DIGEST_WORDS, Remembered, exact_keys

        if self._known is None:
            self._known = Remembered()
        number = self._namespaces.setdefault(namespace, len(self._namespaces))
        words, fits = exact_keys(number, values)
        known, digests = self._known.find(words)
        missing = np.flatnonzero(~(known & fits))
        if len(missing):
            new = values.take(pa.array(missing)).dictionary_encode()
            made = np.frombuffer(b"".join(self._digests(namespace, new.dictionary)), np.uint64)
            made = made.reshape(-1, DIGEST_WORDS)
            words, fits = exact_keys(number, new.dictionary)
            self._known.put(words[fits], made[fits])
            digests[missing] = made[new.indices.to_numpy()]
        text = binascii.hexlify(digests.tobytes())
        offsets = np.arange(len(digests) + 1, dtype=np.int32) * 64
        return pa.Array.from_buffers(
            pa.string(), len(digests), [None, pa.py_buffer(offsets), pa.py_buffer(text)]
        )

    def _digests(self, namespace: str, values: pa.Array) -> Iterator[bytes]:
        """The digest of each id; those in normal form take the short way."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        plain = {_PLAIN_EMAIL: EMAIL.encode() + b"\0", _PLAIN_ID: namespace.encode() + b"\0"}
        kinds = np.zeros(len(values), np.int8)  # 0: not in normal form
        for kind, pattern in enumerate(plain if not self._links else (), 1):
            kinds[pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)] = kind
        prefixes = [b"", *plain.values()]
        inner, outer = self._inner.copy, self._outer.copy
        for value, kind in zip(values.cast(pa.binary()).to_pylist(), kinds.tolist(), strict=True):
            if kind:
                message, digest = inner(), outer()  # as `_hmac` does, which would cost a call
                message.update(prefixes[kind] + value)
                digest.update(message.digest())
                yield digest.digest()
            else:
                yield self._digest_of(namespace, value.decode())

    def safe_id(self, value: str) -> str:
        """An id of a record as it may land: itself, or a key where it holds an e-mail address or the like.

        Bare digits (an order number, a time stamp) stay, except in the form of a Korean mobile number.
        """
        is_number = _BARE_DIGITS.fullmatch(value) and not _MOBILE_DIGITS.fullmatch(value)
        if is_number or not _IS_ODD_ID.search(value):
            return value
        namespace, text = identify(value, ID, self._regions)
        if namespace == ID and self._redactor.redact(text) == text:
            return value
        return self.key(ID, value)

    def safe_id_array(self, values: pa.Array) -> pa.Array:
        """`safe_id` of each value; the same value gives the same id in every entity."""
        import pyarrow.compute as pc

        if not matches_any(values, _ODD_IDS):
            return values
        odd = pc.fill_null(pc.match_substring_regex(values, _ODD_ID), False)
        return replace_where(values, odd, self.safe_id) if pc.any(odd).as_py() else values

    def redact(self, text: str) -> str:
        return self._redactor.redact(text)

    def redact_array(self, texts: pa.Array) -> pa.Array:
        """Texts without identifiers."""
        return self._redactor.redact_array(texts)

    def safe_path(self, path: str) -> str:
        """A file's path as it may be shown and stored: redacted, and still another for another path."""
        redacted = self._redactor.redact(path)
        return path if redacted == path else f"{redacted}#{self.digest('path', path)[:12]}"
