"""The contract: what an entity is, in one place."""

from cx_pipeline.contract.entities import (
    CONTRACT_VERSION,
    DEFAULT_SCALES,
    ENTITIES,
    Entity,
    Field,
    Role,
    Type,
)

__all__ = ["CONTRACT_VERSION", "DEFAULT_SCALES", "ENTITIES", "Entity", "Field", "Role", "Type"]
