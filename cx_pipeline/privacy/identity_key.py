"""The identity key: the one secret under which identities are keyed.

What enters: the settings.  What leaves: an `IdentityKey`, read from `CX_PRIVACY__KEY`, from the file
`privacy.key_file` names, or from `state/identity.key`, which is made once (32 random bytes as hex, mode
0600).  `PrivacyError` where the key is missing though data was keyed with it, readable by others, or weak.
Called by landing before a pull; the secret itself never leaves the process.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cx_pipeline.files import fsync_folder, make_folder
from cx_pipeline.privacy.errors import PrivacyError
from cx_pipeline.settings import Settings

KEY_FILE_NAME = "identity.key"
_SHORTEST = 32  # bytes


def key_fingerprint(secret: bytes) -> str:
    """16 hex digits that tell two keys apart and tell nothing of either."""
    return hmac.digest(secret, b"fingerprint of the identity key", "sha256").hex()[:16]


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """The secret and its fingerprint; printing it shows the fingerprint alone."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return key_fingerprint(self.secret)


def _parse(text: str, origin: str) -> IdentityKey:
    text = text.strip()
    try:
        secret = bytes.fromhex(text) if len(text) >= 2 * _SHORTEST else text.encode()
    except ValueError:
        secret = text.encode()
    if len(secret) < _SHORTEST:
        raise PrivacyError(
            f"{origin} is too short a key ({len(secret)} bytes): use 64 hexadecimal digits, "
            "such as `openssl rand -hex 32` prints"
        )
    return IdentityKey(secret)


def _read(path: Path) -> IdentityKey:
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PrivacyError(
            f"the identity key {path} can be read by others (mode {stat.S_IMODE(mode):04o}): "
            f"run `chmod 600 {path}`, and if others may have read it, start over with a new key"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PrivacyError(f"the identity key {path} cannot be read: {type(error).__name__}") from error
    return _parse(text, f"the identity key {path}")


def _create(path: Path) -> None:
    """Make the key file whole or not at all; one made meanwhile by somebody else stays."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)  # fails, rather than replaces, where a key exists
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def load_key(settings: Settings, *, may_create: bool) -> IdentityKey:
    """The identity key; made where there is none and `may_create` (no batch has landed yet)."""
    if settings.privacy.key is not None:
        return _parse(settings.privacy.key.get_secret_value(), "CX_PRIVACY__KEY")
    given = settings.privacy.key_file
    path = given or settings.paths.state / KEY_FILE_NAME
    if not path.exists():
        if given is not None:
            raise PrivacyError(f"privacy.key_file names {path}, which does not exist")
        if not may_create:
            raise PrivacyError(
                f"the identity key {path} is missing, but data keyed with it has landed: restore it from "
                "your backup (a new key would make every customer a stranger)"
            )
        _create(path)
    return _read(path)
