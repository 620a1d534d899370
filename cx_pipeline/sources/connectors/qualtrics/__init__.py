"""Qualtrics: survey responses by export, and e-mail invitations (docs/connectors/qualtrics.md)."""

from cx_pipeline.sources.connectors.qualtrics.connector import Qualtrics as CONNECTOR

__all__ = ["CONNECTOR"]
