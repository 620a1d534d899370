"""Any HTTP JSON API, declared in the settings alone (docs/connectors/http.md)."""

from cx_pipeline.sources.connectors.http.connector import HttpApi as CONNECTOR

__all__ = ["CONNECTOR"]
