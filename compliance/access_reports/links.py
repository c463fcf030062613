"""The secrets of a shared access report: a link that nobody can guess and a code that is told by another way. Pure.

Both are kept only as keyed digests under the organisation's own key: whoever reads the table, or a backup of it, can
neither open a link nor try codes without that key. The code is bound to its link.
"""

import hashlib
import hmac
import re
import secrets
from uuid import UUID

_TOKEN_BYTES = 24
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is mistaken for another when read out: no 0 O 1 I L
CODE_LENGTH = 8
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def new_token() -> str:
    """192 random bits, as they stand in the address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def new_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _place in range(CODE_LENGTH))


def spoken(code: str) -> str:
    """ABCD EFGH: as it is read out."""
    return f"{code[:4]} {code[4:]}"


def typed(code: str) -> str:
    """What somebody typed, as it was made: capitals, without spaces or dashes. Anything else stays wrong."""
    return re.sub(r"[\s-]", "", code[:40]).upper()


def is_token(token: str) -> bool:
    return _TOKEN.fullmatch(token) is not None


def link_digest(key: bytes, token: str) -> bytes:
    return hmac.digest(key, b"access_report.link\x00" + token.encode(), hashlib.sha256)


def code_digest(key: bytes, share_id: UUID, code: str) -> bytes:
    return hmac.digest(key, b"access_report.code\x00" + share_id.bytes + code.encode(), hashlib.sha256)
