"""Reviews of Google Play and the App Store: what they become, how they are walked, who may."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cx_pipeline.landing import Days, connect
from cx_pipeline.sources.connector import reaches
from tests.connectors.service import (
    Answer,
    Request,
    SwiftClock,
    landed,
    published,
    pull,
    serving,
    settings_of,
)

START = datetime(2024, 1, 10, 9, 0, tzinfo=UTC)


def _text(key: Any) -> str:
    pem = serialization.Encoding.PEM
    text: bytes = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return text.decode()


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def _ec() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(20240110, ec.SECP256R1())  # the same in every process


# ---------------------------------------------------------------- Google Play


def play_options() -> dict[str, Any]:
    key = {
        "type": "service_account",
        "client_email": "reports@acme.iam.gserviceaccount.example",
        "private_key": _text(_rsa()),
        "private_key_id": "k1",
    }
    return {"packages": ["com.example.shop"], "key": json.dumps(key), "token_url": "token"}


def play_review(number: int, at: datetime = START, stars: int | None = None) -> dict[str, Any]:
    """A review in the documented shape; every other one with a developer's reply."""
    comment: dict[str, Any] = {
        "text": f"\t좋아요 {number}",
        "lastModified": {"seconds": str(int(at.timestamp()) + number), "nanos": 141_000_000},
        "starRating": stars or number % 5 + 1,
        "reviewerLanguage": "ko_KR",
        "device": "klte",
        "androidOsVersion": 33,
        "appVersionName": "2.1",
        "thumbsUpCount": 1,
        "deviceMetadata": {"productName": "Galaxy"},
    }
    reply = {"developerComment": {"text": "thanks", "lastModified": {"seconds": "1704900000"}}}
    comments = [{"userComment": comment}] + ([reply] if number % 2 else [])
    return {"reviewId": f"gp:{number}", "authorName": "Kim Person", "comments": comments}


class Play:
    """The reviews of an app, those changed last first, two a page.

    `verifies`: it checks the claim's signature, which no other process than this one can make.
    """

    def __init__(self, verifies: bool = False) -> None:
        self.verifies = verifies
        self.reviews = [play_review(n) for n in range(1, 8)]
        self.claims: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == "/token":
            assert request.body["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            public = _rsa().public_key()
            options: Any = {"verify_exp": False, "verify_iat": False, "verify_signature": self.verifies}
            audience = "https://oauth2.googleapis.com/token"
            claim = jwt.decode(
                request.body["assertion"], public, algorithms=["RS256"], audience=audience, options=options
            )
            self.claims.append(claim)
            return Answer({"access_token": "ya29.t", "expires_in": 3599, "token_type": "Bearer"})
        if request.headers.get("authorization") != "Bearer ya29.t":
            return Answer({"error": {"code": 401}}, 401)
        if request.path != "/androidpublisher/v3/applications/com.example.shop/reviews":
            return Answer({"error": {"code": 404}}, 404)
        newest = sorted(
            self.reviews, key=lambda r: -int(r["comments"][0]["userComment"]["lastModified"]["seconds"])
        )
        start = int(request.value("token") or 0)
        page: dict[str, Any] = {"reviews": newest[start : start + 2]} if newest else {}
        if start + 2 < len(newest):
            page["tokenPagination"] = {"nextPageToken": str(start + 2)}
        return Answer(page)


def test_play_reviews_become_ratings(tmp_path: Path) -> None:
    play = Play(verifies=True)
    with serving(play) as service:
        options = play_options() | {"feedback": {"attributes": {"app_version": "appVersionName"}}}
        entities = {"feedback": {"attributes": ["app_version"]}}
        settings = settings_of(tmp_path, "google_play", service.url, options, entities=entities)
        assert pull(settings).problems == ()
    rows = published(settings, "feedback", "response_id")
    assert {key: row["score"] for key, row in rows.items()} == {f"gp:{n}": n % 5 + 1 for n in range(1, 8)}
    one = rows["gp:3"]
    assert (one["metric"], one["scale_min"], one["scale_max"], one["channel"]) == ("rating", 1, 5, "store")
    assert (one["comment"], one["language"], one["product"]) == ("좋아요 3", "ko-KR", "com.example.shop")
    assert one["responded_at"] == START + timedelta(seconds=3, milliseconds=141)
    assert dict(one["attributes"]) == {"app_version": "2.1"}
    assert one["customer_key"] is None
    (claim,) = play.claims
    assert (claim["scope"], claim["exp"] - claim["iat"] <= 3600) == (
        "https://www.googleapis.com/auth/androidpublisher",
        True,
    )


def test_an_edited_play_review_lands_alone_and_a_forgotten_one_stays(tmp_path: Path) -> None:
    play = Play()
    with serving(play) as service:
        settings = settings_of(tmp_path, "google_play", service.url, play_options())
        pull(settings)
        play.reviews = [
            play_review(4, START + timedelta(days=1), stars=1),
            *play.reviews[1:3],
            *play.reviews[4:],
        ]
        assert pull(settings).totals["feedback"].read == 1
        assert pull(settings).totals["feedback"].read == 0
        days = pull(settings, days=Days(date(2024, 1, 11), date(2024, 1, 11)))
        assert days.totals["feedback"].read == 1
    rows = published(settings, "feedback", "response_id")
    assert rows["gp:4"]["score"] == 1
    assert "gp:1" in rows


def test_a_changed_mapping_does_not_lose_what_play_forgot(tmp_path: Path) -> None:
    play = Play()
    with serving(play) as service:
        pull(settings_of(tmp_path, "google_play", service.url, play_options()))
        play.reviews = [play_review(9)]
        mapped = play_options() | {"feedback": {"columns": {"brand": {"constant": "Acme"}}}}
        settings = settings_of(tmp_path, "google_play", service.url, mapped)
        report = pull(settings)
    assert any("holds for what comes from now on" in note for note in report.notes)
    rows = published(settings, "feedback", "response_id")
    assert {key: row["brand"] for key, row in rows.items() if key in ("gp:1", "gp:9")} == {
        "gp:1": None,
        "gp:9": "Acme",
    }


# ---------------------------------------------------------------- App Store


def apple_options() -> dict[str, Any]:
    return {"apps": ["682658836"], "key_id": "2X9R4HXF34", "issuer_id": "57246542-96fe", "key": _text(_ec())}


def apple_review(number: int, at: datetime = START, body: str = "정말 좋아요") -> dict[str, Any]:
    """A review in the documented shape."""
    return {
        "type": "customerReviews",
        "id": f"00000028-{number}",
        "attributes": {
            "rating": number % 5 + 1,
            "title": f"Title {number}",
            "body": body,
            "reviewerNickname": "Anne Johnson",
            "createdDate": (at + timedelta(minutes=number)).isoformat(),
            "territory": "KOR",
        },
        "relationships": {"response": {"links": {"self": "https://api.appstoreconnect.apple.com/v1/x"}}},
    }


class Apple:
    """The reviews of an app, newest first, two a page."""

    def __init__(self) -> None:
        self.reviews = [apple_review(n) for n in range(1, 8)]
        self.claims: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            options: Any = {"verify_exp": False, "verify_iat": False}
            claim = jwt.decode(
                token,
                _ec().public_key(),
                algorithms=["ES256"],
                audience="appstoreconnect-v1",
                options=options,
            )
            assert jwt.get_unverified_header(token)["kid"] == "2X9R4HXF34"
        except jwt.PyJWTError:
            return Answer({"errors": [{"status": "401", "code": "NOT_AUTHORIZED"}]}, 401)
        self.claims.append(claim)
        assert scheme == "Bearer"
        if request.path != "/v1/apps/682658836/customerReviews":
            return Answer({"errors": []}, 404)
        assert request.value("sort") == "-createdDate"
        newest = sorted(self.reviews, key=lambda r: str(r["attributes"]["createdDate"]), reverse=True)
        start = int(request.value("cursor") or 0)
        links = {"self": "x"}
        if start + 2 < len(newest):
            host = request.headers["host"]
            links["next"] = f"http://{host}{request.path}?cursor={start + 2}&sort=-createdDate&limit=200"
        meta = {"paging": {"total": len(newest), "limit": 200}}
        return Answer({"data": newest[start : start + 2], "links": links, "meta": meta})


def test_app_store_reviews_become_ratings(tmp_path: Path) -> None:
    apple = Apple()
    with serving(apple) as service:
        settings = settings_of(tmp_path, "app_store", service.url, apple_options())
        assert pull(settings).problems == ()
    rows = published(settings, "feedback", "response_id")
    assert {key: row["score"] for key, row in rows.items()} == {
        f"00000028-{n}": n % 5 + 1 for n in range(1, 8)
    }
    one = rows["00000028-3"]
    assert (one["metric"], one["channel"], one["product"]) == ("rating", "store", "682658836")
    assert one["comment"] == "Title 3\n정말 좋아요"
    assert one["responded_at"] == START + timedelta(minutes=3)
    assert all(0 < claim["exp"] - claim["iat"] <= 1200 for claim in apple.claims)
    assert not any("Anne" in str(value) for row in rows.values() for value in row.values())


def test_only_new_and_edited_app_store_reviews_land_again(tmp_path: Path) -> None:
    apple = Apple()
    apple.reviews += [apple_review(n, START - timedelta(days=90)) for n in range(20, 30)]
    with serving(apple) as service:
        settings = settings_of(tmp_path, "app_store", service.url, apple_options())
        pull(settings)
        assert len(landed(settings, "feedback")) == 17
        apple.reviews[2] = apple_review(3, body="다시 써 봤어요")
        apple.reviews.append(apple_review(8, START + timedelta(days=1)))
        service.requests.clear()
        assert pull(settings).totals["feedback"].read == 2
        assert len(service.requests) == 5  # it stops thirty days before the newest
    assert (
        published(settings, "feedback", "response_id")["00000028-3"]["comment"] == "Title 3\n다시 써 봤어요"
    )


@pytest.mark.parametrize("type_", ["google_play", "app_store"])
def test_a_key_that_is_none_is_one_clear_line(tmp_path: Path, type_: str) -> None:
    options = (play_options() if type_ == "google_play" else apple_options()) | {"key": "s3cret no key"}
    with serving(Play()) as service:
        settings = settings_of(tmp_path, type_, service.url, options)
        ((_, problem),) = pull(settings).problems
        found = [reach.problem or "" for reach in reaches(connect(settings, "desk", SwiftClock()))]
    assert "the key of desk is no" in problem
    assert "s3cret" not in problem + "".join(found)


def test_a_key_google_refuses_is_told(tmp_path: Path) -> None:
    with serving(lambda request: Answer({"error": "invalid_grant"}, 400)) as service:
        ((_, problem),) = pull(settings_of(tmp_path, "google_play", service.url, play_options())).problems
    assert "Google refuses the service account's key of desk" in problem
