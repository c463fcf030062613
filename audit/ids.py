"""UUIDv7, made here because PostgreSQL before 18 cannot: time-ordered, so that new rows lie together in their index."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A version 7 UUID of RFC 9562: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
