"""Freshdesk: tickets, their conversations, contacts, satisfaction ratings (docs/connectors/freshdesk.md)."""

from cx_pipeline.sources.connectors.freshdesk.connector import Freshdesk as CONNECTOR

__all__ = ["CONNECTOR"]
