"""SurveyMonkey: responses in bulk, and e-mail invitations (docs/connectors/surveymonkey.md)."""

from cx_pipeline.sources.connectors.surveymonkey.connector import SurveyMonkey as CONNECTOR

__all__ = ["CONNECTOR"]
