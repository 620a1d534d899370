"""Zendesk Support: tickets, their events, end users and satisfaction ratings (docs/connectors/zendesk.md)."""

from cx_pipeline.sources.connectors.zendesk.connector import Zendesk as CONNECTOR

__all__ = ["CONNECTOR"]
