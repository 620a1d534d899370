"""Keys: one person is one key across sources, strangers are not, and the key file is kept safe."""

import hashlib
import hmac
import stat
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.privacy.errors import PrivacyError
from cx_pipeline.privacy.identity_key import IdentityKey, key_fingerprint, load_key
from cx_pipeline.privacy.keys import Keyer, Links, identify, read_links
from cx_pipeline.privacy.remembered import Remembered
from cx_pipeline.settings import Settings, load_settings

SECRET = bytes(range(32))
KEYER = Keyer(IdentityKey(SECRET))


def test_the_formula_is_the_published_one() -> None:
    expected = hmac.new(SECRET, b"shop\x00123", hashlib.sha256).hexdigest()
    assert KEYER.key("shop", " 123 ") == expected
    assert KEYER.key("shop", "a@B.com") == hmac.new(SECRET, b"email\x00a@b.com", hashlib.sha256).hexdigest()
    assert (
        KEYER.key("shop", "010-1234-5678")
        == hmac.new(SECRET, b"phone\x00+821012345678", hashlib.sha256).hexdigest()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane@Example.com", " jane@example.COM "),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
        ("mailto:jane@example.com", "jane@example.com"),
        ("010-1234-5678", "+82 10 1234 5678"),
        ("01012345678", "+821012345678"),
        ("０１０ １２３４ ５６７８", "010.1234.5678"),
        ("+82 (0)10-1234-5678", "010-1234-5678"),
        ("02-123-4567", "+82 2 123 4567"),
        ("(415) 555-2671", "+14155552671"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_one_person_is_one_key_whatever_the_source_and_spelling(one: str, other: str) -> None:
    assert KEYER.key("shop", one) == KEYER.key("help desk", other)


@pytest.mark.parametrize("value", ["123", "00001", "4155552671", "Caller 2403", "20240115-0001", "aB"])
def test_opaque_ids_belong_to_their_namespace(value: str) -> None:
    assert KEYER.key("shop", value) != KEYER.key("desk", value)


def test_opaque_ids_differ_by_case() -> None:
    assert KEYER.key("shop", "aB") != KEYER.key("shop", "Ab")


def test_arrays_are_keyed_as_values_are() -> None:
    values = pa.array(["123", None, "123", "a@b.com"])
    assert KEYER.key_array("shop", values).to_pylist() == [
        KEYER.key("shop", "123"),
        None,
        KEYER.key("shop", "123"),
        KEYER.key("desk", "A@b.com"),
    ]


def test_ids_of_records_land_as_they_are_unless_they_identify_a_person() -> None:
    values = [
        "T-1",
        "4155552671",
        "4111111111111111",
        "a@b.com",
        "A@B.com",
        "ticket-a@b.com-1",
        "01012345678",
    ]
    safe = KEYER.safe_id_array(pa.array(values)).to_pylist()
    assert safe[:3] == values[:3]
    assert safe[3] == safe[4] == KEYER.key("anything", "a@b.com")
    assert safe[6] == KEYER.key("anything", "+82 10-1234-5678")
    assert all(len(key) == 64 for key in safe[3:])
    assert len(set(safe[3:])) == 3
    assert [KEYER.safe_id(v) for v in values] == safe


def test_ids_of_machines_cost_nothing_and_stay() -> None:
    """Millions of ids such as T00000123 once went through every pattern one by one."""
    values = [
        "T00000123",
        "INC0000045",
        "ORD-2024-000123",
        "550e8400-e29b-41d4-a716-446655440000",
        "a:b",
        "20240115-17",
    ]
    array = pa.array(values)
    assert KEYER.safe_id_array(array).to_pylist() == values
    assert [KEYER.safe_id(v) for v in values] == values


@pytest.mark.parametrize(
    "value",
    [
        "010-1234-5678",
        "tel01012345678",
        "02-123-4567",
        "+1 415 555 2671",
        "415-555-2671",
        "900101-1234567",
        "10.1.2.3",
    ],
)
def test_ids_that_identify_are_keyed(value: str) -> None:
    assert KEYER.safe_id_array(pa.array([value])).to_pylist() == [KEYER.safe_id(value)]
    assert len(KEYER.safe_id(value)) == 64


@settings(deadline=None)
@given(st.lists(st.sampled_from(["031-1234567", "T-1", "r7", "C-1234", "03", "1-2", "7890", "10.1.2.3"])))
def test_ids_beside_others_are_as_safe(values: list[str]) -> None:
    """A column is asked as one text: what ends one id must not hide what the next begins with."""
    assert KEYER.safe_id_array(pa.array(values, pa.string())).to_pylist() == [*map(KEYER.safe_id, values)]


def test_paths_are_redacted_and_stay_distinct() -> None:
    assert KEYER.safe_path("2024/orders.csv") == "2024/orders.csv"
    one, other = KEYER.safe_path("a@b.com.csv"), KEYER.safe_path("c@d.com.csv")
    assert "a@b" not in one
    assert one != other


def test_links_join_ids_whatever_their_order(tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text(
        "namespace,customer_id,same_as_namespace,same_as_customer_id\n"
        "shop,1,desk,9\ndesk,9,email,A@b.com\nshop,2,shop,3\n"
    )
    keyer = Keyer(IdentityKey(SECRET), links=read_links(file, ("KR",)))
    assert keyer.key("shop", "1") == keyer.key("desk", "9") == keyer.key("x", "a@b.com")
    assert keyer.key("shop", "2") == keyer.key("shop", "3") != keyer.key("shop", "1")
    assert keyer.key("desk", "1") == KEYER.key("desk", "1")
    pairs = [(("shop", "1"), ("desk", "9")), (("desk", "9"), ("email", "a@b.com"))]
    groups = [Links(order) for order in (pairs, pairs[::-1])]
    assert groups[0].resolve(("shop", "1")) == groups[1].resolve(("shop", "1"))


def test_a_links_file_with_another_header_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(PrivacyError, match="header must be"):
        read_links(file, ())


def test_the_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_key(settings, may_create=True)
    file = tmp_path / "state" / "identity.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bytes.fromhex(file.read_text().strip()) == first.secret
    assert len(first.secret) == 32
    assert load_key(settings, may_create=True) == first == load_key(settings, may_create=False)
    assert [p.name for p in file.parent.iterdir()] == ["identity.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = Settings(data_dir=tmp_path)
    load_key(settings, may_create=True)
    (tmp_path / "state" / "identity.key").chmod(mode)
    with pytest.raises(PrivacyError, match="chmod 600"):
        load_key(settings, may_create=True)


def test_a_key_lost_after_data_landed_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="restore it from your backup"):
        load_key(Settings(data_dir=tmp_path), may_create=False)
    assert not (tmp_path / "state").exists()


def test_the_key_may_come_from_the_environment_or_a_named_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "my.key"
    file.touch(0o600)
    file.write_text(SECRET.hex())
    settings = Settings(data_dir=tmp_path, privacy={"key_file": file})  # type: ignore[arg-type]
    assert load_key(settings, may_create=False).secret == SECRET
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CX_CONFIG", raising=False)
    monkeypatch.setenv("CX_PRIVACY__KEY", SECRET.hex())
    assert load_key(load_settings(), may_create=False).secret == SECRET
    monkeypatch.setenv("CX_PRIVACY__KEY", "short")
    with pytest.raises(PrivacyError, match="too short"):
        load_key(load_settings(), may_create=False)


def test_printing_a_key_shows_no_secret() -> None:
    key = IdentityKey(SECRET)
    assert SECRET.hex() not in repr(key)
    assert str(SECRET) not in repr(key)
    assert key.fingerprint == key_fingerprint(SECRET)
    assert key_fingerprint(SECRET) != key_fingerprint(SECRET[::-1])


def test_whole_columns_get_the_keys_of_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way for ids in normal form, and a full memory, change no key."""
    monkeypatch.setattr("cx_pipeline.privacy.remembered.Remembered", partial(Remembered, 4))
    ids = [
        "a@b.com",
        "A@B.com",
        "mailto:a@b.com",
        "a@b.com.",
        "a@b",
        "ａ@b.com",
        "a..b@c.kr",
        "가@b.com",
        "a@b.c1",
    ]
    ids += [
        "C-1",
        "c-1",
        " C-1",
        "12345",
        "01012345678",
        "010-1234-5678",
        "+82 10 1234 5678",
        "0123",
        "a_b",
        "_",
    ]
    ids += [
        "tel:01012345678",
        "20240115-17",
        "1-2",
        "-",
        "",
        "ｃ-1",
        "C-1\n",
        "12345\n",
        "4155552671",
        "é",
        "x y",
    ]
    keyer = Keyer(IdentityKey(SECRET))
    for start in [*range(0, len(ids), 4), 0]:
        part = ids[start : start + 6]
        expected = [_key_by_the_book("shop", value) for value in part]
        assert keyer.key_array("shop", pa.array([*part, None, *part])).to_pylist() == [
            *expected,
            None,
            *expected,
        ]
        assert keyer.key_array("shop", pa.array(part)).to_pylist() == expected


def _key_by_the_book(namespace: str, value: str) -> str:
    found, text = identify(value, namespace, ("KR", "US"))
    return hmac.new(SECRET, f"{found}\0{text}".encode(), hashlib.sha256).hexdigest()
