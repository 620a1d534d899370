"""Any SQL database: a table or a query an entity, by a cursor column (docs/connectors/sql.md)."""

from cx_pipeline.sources.connectors.sql.connector import SqlDatabase as CONNECTOR

__all__ = ["CONNECTOR"]
