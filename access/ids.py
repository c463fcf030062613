"""UUIDv7 for every row."""

from audit.ids import uuid7

__all__ = ["uuid7"]
