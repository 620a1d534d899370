"""Files at a URL or in a bucket, read as dropped files are (docs/connectors/remote_files.md)."""

from cx_pipeline.sources.connectors.remote_files.connector import RemoteFiles as CONNECTOR

__all__ = ["CONNECTOR"]
