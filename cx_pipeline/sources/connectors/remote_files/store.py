"""Files in a bucket, on a server, on another disk: whatever fsspec knows.

What enters: the settings.  What leaves: objects whose version is what the store says of them, and their
contents.  The large stores' own clients come with pyarrow (S3, Google Cloud Storage, Azure); others need the
package fsspec names.
"""

from __future__ import annotations

import ftplib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from cx_pipeline.sources.connector import Link, RemoteObject
from cx_pipeline.sources.files.inbox import matches
from cx_pipeline.sources.files.reader import extension
from cx_pipeline.sources.http.errors import NotFound, Refused, ScopeMissing, Unreachable

if TYPE_CHECKING:
    from cx_pipeline.sources.connectors.remote_files.connector import RemoteFilesSource

_TRIES = 5
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "generation")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
_UNSETTLED = timedelta(seconds=10)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
Result = TypeVar("Result")


def _errors_of(package: str, *names: str) -> tuple[type[Exception], ...]:
    """The errors of a package that is there only where it is needed."""
    loaded = sys.modules.get(package)
    return tuple(getattr(loaded, name) for name in names) if loaded else ()


class Store:
    """Files below one address of a store."""

    def __init__(self, settings: RemoteFilesSource, secret: str | None, link: Link) -> None:
        self._settings = settings
        self._secret = secret
        self._link = link
        self._scheme = urlsplit(settings.base_url).scheme

    def objects(self, patterns: Sequence[str]) -> list[RemoteObject]:
        files, root = self._opened
        files.invalidate_cache()

        def listing() -> dict[str, Mapping[str, Any]]:
            # by default a walk leaves out what it may not list, and an empty list would be no error
            walk = files.walk(root, detail=True, on_error="raise")
            return {info["name"]: info for _, _, found in walk for info in found.values()}

        names = {path.removeprefix(root).lstrip("/"): info for path, info in self._patiently(listing).items()}
        return [
            RemoteObject(name, self._version(info), int(info.get("size") or 0))
            for name, info in sorted(names.items())
            if extension(name) is not None and any(matches(name, pattern) for pattern in patterns)
        ]

    def reach(self, patterns: Sequence[str]) -> None:
        if not self.objects(patterns):
            raise NotFound(f"no file below {self._where} matches {', '.join(patterns)}")

    def fetch(self, one: RemoteObject, target: Path) -> None:
        files, root = self._opened

        def copy() -> None:
            with files.open(f"{root}/{one.name}", "rb") as source, target.open("wb") as copied:
                shutil.copyfileobj(source, copied, 1 << 20)

        self._patiently(copy)

    def _version(self, info: Mapping[str, Any]) -> str:
        """What changes with the content; empty while it may yet change within one tick of the clock."""
        tag = next((str(info[name]) for name in _TAGS if info.get(name)), None)
        if tag is not None:
            return tag
        time = next((info[name] for name in _TIMES if info.get(name) is not None), None)
        if time is None:
            return ""
        seconds = time.timestamp() if isinstance(time, datetime) else time
        if isinstance(seconds, int | float):
            age = self._link.clock.now().timestamp() - seconds
            if age < _UNSETTLED.total_seconds():
                return ""
        return f"{seconds} {info.get('size')}"

    # ------------------------------------------------------------ the store

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """(file system, the path of the address on it)."""
        import fsspec
        from fsspec.implementations.arrow import ArrowFSWrapper

        parts = urlsplit(self._settings.base_url)
        path = f"{parts.netloc}{parts.path}".rstrip("/")
        try:
            if (made := self._arrow()) is not None:
                return ArrowFSWrapper(made, skip_instance_cache=True), path
            options = dict(self._settings.options)
            if self._settings.user is not None:
                options["username"] = self._settings.user
            if self._secret is not None:
                options["password"] = self._secret
            files, root = fsspec.url_to_fs(self._settings.base_url, skip_instance_cache=True, **options)
            return files, root.rstrip("/")
        except ImportError as error:
            raise Refused(f"{self._scheme}:// needs the package {error.name}: install it with pip") from None
        except (TypeError, ValueError):
            raise Refused(
                f"{self._scheme}:// cannot be opened so: check base_url and options of "
                f"sources.{self._link.source}"
            ) from None

    def _arrow(self) -> Any:
        """The client of one of the large stores, None for any other place."""
        from pyarrow import fs

        options: dict[str, Any] = dict(self._settings.options)
        user, secret = self._settings.user, self._secret
        if self._scheme in ("s3", "s3a"):
            endpoint = str(options.get("endpoint_override", ""))
            host = endpoint.rpartition("//")[2].rpartition(":")[0]
            if options.get("scheme") == "http" and host not in _LOOPBACK:
                raise Refused(f"sources.{self._link.source}: http is not https: secrets would travel openly")
            if secret is not None:
                options |= {"access_key": user, "secret_key": secret}
            return fs.S3FileSystem(**options)
        if self._scheme in ("gs", "gcs"):
            return fs.GcsFileSystem(**options)
        if self._scheme in ("abfs", "abfss", "az"):
            return fs.AzureFileSystem(**options | ({"account_key": secret} if secret is not None else {}))
        return None

    @property
    def _where(self) -> str:
        """The place as people may be told: its address may hold a user and a signature."""
        return f"{self._scheme}://{urlsplit(self._settings.base_url).hostname or ''}"

    def _patiently(self, call: Callable[[], Result]) -> Result:
        """Try what may pass again; say what to do about what does not."""
        where = self._where
        transient: tuple[type[Exception], ...] = (
            OSError,
            EOFError,
            ftplib.Error,
            *_errors_of("paramiko", "SSHException"),
        )
        for attempt in range(1, _TRIES + 1):
            try:
                return call()
            except FileNotFoundError:
                raise NotFound(
                    f"{where} has no such folder or file: check sources.{self._link.source}"
                ) from None
            except PermissionError:
                raise ScopeMissing(
                    f"the credential of {self._link.source} may not read {where}: let it list and read"
                ) from None
            except transient as error:
                if "ACCESS_DENIED" in str(error) or "403" in str(error):
                    raise ScopeMissing(
                        f"the credential of {self._link.source} may not read {where}: let it list and read"
                    ) from None
                if attempt == _TRIES:
                    raise Unreachable(
                        f"{where} could not be read ({type(error).__name__}), and went on so: "
                        "the next night goes on from here"
                    ) from None
                self._link.clock.sleep(2.0**attempt)
        raise AssertionError("unreachable")
