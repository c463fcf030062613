"""API tokens, and writes that happen once however often they are sent."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

import audit.services
from access import tenancy
from access.actors import Actor
from access.errors import DuplicateRequest, NotPermitted
from access.events import AccessEvent
from access.models import ApiToken, IdempotencyRecord, Organisation, Staff
from access.policies import ANYWHERE, AccessPermission, policy

_PREFIX = "carehome"


@transaction.atomic
def make_token(*, actor: Actor, staff: Staff, name: str, expires_at: datetime) -> tuple[ApiToken, str]:
    """A program's key to act as `staff`; the clear token is returned once and stored nowhere.

    A person makes tokens for themselves alone, the supplier's command for anybody. Raises NotPermitted.
    """
    policy.require(actor, AccessPermission.MAKE_TOKEN, at=ANYWHERE)
    if actor.staff is not None and actor.staff.pk != staff.pk:
        raise NotPermitted(AccessPermission.MAKE_TOKEN)
    organisation = Organisation.objects.get(pk=actor.organisation_id)
    secret = secrets.token_urlsafe(32)
    token = ApiToken(
        organisation_id=actor.organisation_id,
        staff=staff,
        name=name,
        digest=hashlib.sha256(secret.encode()).digest(),
        expires_at=expires_at,
    )
    with audit.services.sealing(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=AccessEvent.TOKEN_MADE,
        subject=token.ref,
        detail={"staff": staff.ref, "expires_at": expires_at.isoformat()},
    ):
        token.save(force_insert=True)
    return token, f"{_PREFIX}.{organisation.code}.{secret}"


def token_parts(token: str) -> tuple[str, str]:
    """(organisation code, secret) of a token; empty where it is not one."""
    parts = token.strip().split(".")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == _PREFIX and token.isprintable() else ("", "")


def find_token(token: str) -> ApiToken | None:
    """The live token of the organisation that is open; None for an unknown, ended or revoked one."""
    secret = token_parts(token)[1]
    found: ApiToken | None = (
        ApiToken.objects.filter(
            organisation_id=tenancy.current_organisation_id(),
            digest=hashlib.sha256(secret.encode()).digest(),
            expires_at__gt=timezone.now(),
            revoked_at__isnull=True,
        )
        .select_related("staff")
        .first()
    )
    return found if found and found.staff.may_sign_in() else None


def answer_once(*, actor: Actor, key: str, request: bytes, act: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
    """Run `act` once per key: (status, answer, repeated). The act and its memory share one transaction.

    request: what was asked, for telling a repeat from another request under the same key.
    Raises DuplicateRequest where the key was used for something else.
    """
    digest = hashlib.sha256(request).digest()
    try:
        with transaction.atomic():
            earlier = _earlier(actor, key)
            if earlier is not None:
                return _repeat(earlier, digest)
            record = IdempotencyRecord(
                organisation_id=actor.organisation_id,
                actor=actor.ref,
                key=key,
                request_digest=digest,
                status=0,
                answer=None,
            )
            record.answer = {}
            record.save(force_insert=True)  # the unique key makes a second writer wait here, then fail
            record.status, record.answer = act()
            record.save(update_fields=["status", "answer"])
            return record.status, record.answer, False
    except IntegrityError:
        earlier = _earlier(actor, key)
        if earlier is None:
            raise
        return _repeat(earlier, digest)


def _earlier(actor: Actor, key: str) -> IdempotencyRecord | None:
    return IdempotencyRecord.objects.filter(  # type: ignore[no-any-return]
        organisation_id=actor.organisation_id, actor=actor.ref, key=key
    ).first()


def _repeat(record: IdempotencyRecord, digest: bytes) -> tuple[int, Any, bool]:
    if bytes(record.request_digest) != digest:
        raise DuplicateRequest
    return record.status, record.answer, True
