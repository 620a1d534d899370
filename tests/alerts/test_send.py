"""Messages reach a mail and a web server; what fails is said without a secret, in no log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cx_pipeline.alerts.render import Message
from cx_pipeline.alerts.send import scrubbed, send
from cx_pipeline.settings.alerts import AlertChannel
from tests.alerts.conftest import Mailbox, Webhook

HELLO = Message("[CX] 새 알림 1건", "목표 미달\n- CSAT: 71.2 %\n\nOpen now: 1", "warning")


def channel(url: str) -> AlertChannel:
    return AlertChannel.model_validate({"url": url})


def test_a_webhook_gets_title_body_and_type(webhook: Webhook) -> None:
    assert send("hook", channel(webhook.url), HELLO) is None
    (got,) = webhook.got
    assert (got["title"], got["message"], got["type"]) == (HELLO.title, HELLO.body, "warning")


def test_a_mail_arrives_with_its_korean_and_its_lines(mailbox: Mailbox) -> None:
    assert send("mail", channel(mailbox.url), HELLO) is None
    (mail,) = mailbox.got
    assert mail["subject"] == HELLO.title
    assert mail["to"] == "team@example.com"
    text = mail.get_body(("plain", "html"))
    assert text is not None
    assert "- CSAT: 71.2 %" in text.get_content()


def test_the_address_may_stand_in_a_file(webhook: Webhook, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{webhook.url}\n")
    assert send("hook", AlertChannel(url_file=tmp_path / "url"), HELLO) is None
    assert webhook.got


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_said_without_a_secret(
    webhook: Webhook, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook.status = status
    caplog.set_level(logging.DEBUG)
    problem = send("hook", channel(webhook.url), HELLO)
    assert problem is not None
    assert str(status) in problem
    heard = problem + caplog.text + "".join(capfd.readouterr())
    for secret in ("hush", "t0k3n", "robot"):
        assert secret not in heard


def test_nobody_listening_is_said_without_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for url in ("json://robot:hush-hush@127.0.0.1:9/t0k3n", "mailto://robot:hush-hush@127.0.0.1:9?to=a@b.co"):
        problem = send("hook", channel(url), HELLO)
        assert problem is not None
        for secret in ("hush", "t0k3n", "robot", "a@b.co"):
            assert secret not in problem + caplog.text


@pytest.mark.parametrize("url", ["nonsense://t0k3n", "t0k3n", "slack://t0k3n", "json://"])
def test_an_address_that_is_none_is_said_without_it(url: str, caplog: pytest.LogCaptureFixture) -> None:
    problem = send("ops", channel(url), HELLO)
    assert problem is not None
    assert "docs/alerts.md" in problem
    assert "t0k3n" not in problem + caplog.text


def test_a_channel_without_an_address_says_where_it_goes(tmp_path: Path) -> None:
    assert "CX_ALERTS__CHANNELS__OPS__URL" in (send("ops", AlertChannel(), HELLO) or "")
    missing = send("ops", AlertChannel(url_file=tmp_path / "none"), HELLO)
    assert "cannot be read (No such file" in (missing or "")
    (tmp_path / "empty").write_text("\n")
    assert "is empty" in (send("ops", AlertChannel(url_file=tmp_path / "empty"), HELLO) or "")


def test_whatever_a_service_raises_is_a_problem_and_no_error(
    monkeypatch: pytest.MonkeyPatch, webhook: Webhook
) -> None:
    from apprise.plugins.custom_json import NotifyJSON

    def broken(*_: object, **__: object) -> bool:
        raise LookupError("t0k3n-in-the-path")

    monkeypatch.setattr(NotifyJSON, "notify", broken)
    problem = send("hook", channel(webhook.url), HELLO)
    assert problem is not None
    assert "t0k3n" not in problem


def test_the_loggers_are_left_as_they_were(webhook: Webhook) -> None:
    logger = logging.getLogger("apprise")
    before = (logger.propagate, logger.level, list(logger.handlers))
    send("hook", channel(webhook.url), HELLO)
    assert (logger.propagate, logger.level, list(logger.handlers)) == before


def test_scrubbing_finds_encoded_parts_too() -> None:
    url = "slack://xoxb-12345/p%40ss-word/#ops?token=AbCdEf"
    said = scrubbed("refused XOXB-12345 p@ss-word p%40ss-word abcdef\nby kim@example.com, error=404", url)
    assert said == "refused … … … …\nby [email], error=404".replace("\n", " ")
