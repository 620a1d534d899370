"""Intercom: conversations with their parts and ratings, and contacts (docs/connectors/intercom.md)."""

from cx_pipeline.sources.connectors.intercom.connector import Intercom as CONNECTOR

__all__ = ["CONNECTOR"]
