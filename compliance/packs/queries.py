"""Reading evidence packs, and gathering what goes into one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

import audit.queries
import audit.services
from access import queries as access_queries
from access.actors import Actor
from access.models import CareHome
from access.policies import ANYWHERE
from audit.models import Event
from audit.signing import signer
from compliance.dspt import queries as dspt
from compliance.dspt.edition import Edition
from compliance.errors import PackBuildFailed
from compliance.events import ComplianceEvent
from compliance.models import Pack
from compliance.packs.contents import Contents, Home, Profile, SignerKey
from compliance.policies import CompliancePermission, policy
from compliance.reports.queries import workbooks


def packs(actor: Actor) -> QuerySet[Pack]:
    """The organisation's packs, newest first. Raises NotPermitted."""
    policy.require(actor, CompliancePermission.EXPORT_PACK, at=ANYWHERE)
    rows: QuerySet[Pack] = Pack.objects.filter(organisation_id=actor.organisation_id).order_by("-created_at")
    return rows


@dataclass(frozen=True, slots=True)
class Download:
    """One time that a pack left the house."""

    pack_ref: str
    by: str
    at: datetime


def downloads(organisation_id: UUID, pack_refs: set[str]) -> list[Download]:
    """Who took these packs, newest first, out of the ledger. One query."""
    rows = Event.objects.filter(
        organisation_id=organisation_id, subject__in=pack_refs, action=ComplianceEvent.PACK_DOWNLOADED
    ).order_by("-at")
    return [Download(row.subject, row.actor, row.at) for row in rows]


def own_fingerprint() -> str:
    """The fingerprint of the key that signs this installation's packs: what is read out over the telephone."""
    return signer().fingerprint


def contents(organisation_id: UUID, edition: Edition, *, requested_by: str, now: datetime) -> Contents:
    """Everything a pack says, as it stands now. Signs a checkpoint first, so that the pack holds today's ledger.

    requested_by: a name to print. Raises SigningKeyMissing, AnchorFailed, PackBuildFailed.
    """
    checkpoint = audit.services.sign_checkpoint(organisation_id)
    if checkpoint is None:
        raise PackBuildFailed("The audit log is still empty, so there is nothing to prove.")
    position = dspt.position_of(organisation_id, edition, now=now)
    key = signer()
    return Contents(
        profile=_profile(organisation_id),
        assessment=position.assessment,
        collected=position.collected,
        names=position.names,
        checkpoint=checkpoint.note,
        requested_by=requested_by,
        created_at=now,
        signer=SignerKey(key.key_id, key.public_key_bytes),
        reports=workbooks(organisation_id, now),
    )


def _profile(organisation_id: UUID) -> Profile:
    organisation = access_queries.organisation(organisation_id)
    homes = CareHome.objects.filter(organisation_id=organisation_id).order_by("name")
    return Profile(
        code=organisation.code,
        name=organisation.name,
        ods_code=organisation.ods_code,
        ico_number=organisation.ico_number,
        homes=tuple(Home(home.name, home.cqc_location_id) for home in homes),
    )
