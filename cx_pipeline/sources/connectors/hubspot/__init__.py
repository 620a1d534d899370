"""HubSpot: tickets and what happened on them, contacts, feedback (docs/connectors/hubspot.md)."""

from cx_pipeline.sources.connectors.hubspot.connector import HubSpot as CONNECTOR

__all__ = ["CONNECTOR"]
