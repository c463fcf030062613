"""What others may read of records. Every read is noted by the models themselves."""

from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Length
from django.utils import timezone

from access.actors import Actor
from audit.reading import collecting
from records.models import DailyNote, Erasure, NameToken, Resident
from records.policies import RecordPermission
from records.services.residents import nhs_number_index, word_tokens


def residents(actor: Actor) -> QuerySet[Resident]:
    """The residents whose record the actor may open, by room (2 before 10); of other organisations, none."""
    found: QuerySet[Resident] = Resident.objects.filter(
        organisation_id=actor.organisation_id,
        care_home_id__in=actor.homes_permitting(RecordPermission.READ_RESIDENT),
        erased_at__isnull=True,
    ).order_by("care_home_id", Length("room"), "room", "pk")
    return found


def matching(found: QuerySet[Resident], actor: Actor, words: str) -> QuerySet[Resident]:
    """Those whose names begin with every word given, or whose room it is. A word of one letter finds nobody by name."""
    by_room = Q(room__iexact=words.strip())
    tokens = word_tokens(actor.organisation_id, words)
    if not tokens:
        return found.filter(by_room)
    by_name: Any = Q()
    for token in tokens:
        by_name &= Exists(
            NameToken.objects.filter(organisation_id=actor.organisation_id, resident=OuterRef("pk"), token=token)
        )
    return found.filter(by_room | by_name)


def with_note_times(found: QuerySet[Resident]) -> QuerySet[Resident]:
    """Adds `last_note_at` and `notes_today` (London's day) of notes that stand."""
    notes = DailyNote.objects.filter(
        organisation_id=OuterRef("organisation_id"), resident=OuterRef("pk"), correction__isnull=True
    ).order_by("-occurred_at")
    with collecting("times of notes, on the list of residents"):
        last = Subquery(notes.values("occurred_at")[:1])
    return found.annotate(
        last_note_at=last,
        notes_today=Count(
            "daily_notes",
            filter=Q(daily_notes__occurred_at__gte=start_of_today(), daily_notes__correction__isnull=True),
        ),
    )


def start_of_today() -> datetime:
    """London's midnight, aware."""
    today = timezone.localdate()
    return timezone.make_aware(datetime.combine(today, time()))


def daily_notes(actor: Actor, resident: Resident) -> QuerySet[DailyNote]:
    """The resident's notes that stand, newest first; none where the actor may not read them."""
    notes: QuerySet[DailyNote] = DailyNote.objects.filter(
        organisation_id=actor.organisation_id,
        resident=resident,
        care_home_id__in=actor.homes_permitting(RecordPermission.READ_DAILY_NOTE),
        correction__isnull=True,
    ).order_by("-occurred_at", "-pk")
    return notes


def all_daily_notes(actor: Actor) -> QuerySet[DailyNote]:
    """Every note that the actor may read, superseded ones too, newest first."""
    notes: QuerySet[DailyNote] = (
        DailyNote.objects.filter(
            organisation_id=actor.organisation_id,
            care_home_id__in=actor.homes_permitting(RecordPermission.READ_DAILY_NOTE),
            resident__erased_at__isnull=True,
        )
        .select_related("resident")
        .order_by("-occurred_at", "-pk")
    )
    return notes


def todays_notes(actor: Actor, resident: Resident) -> QuerySet[DailyNote]:
    return daily_notes(actor, resident).filter(occurred_at__gte=start_of_today())


def handover_notes(actor: Actor, resident: Resident) -> QuerySet[DailyNote]:
    """Notes of the last 24 hours that were marked for the next shift."""
    return daily_notes(actor, resident).filter(for_handover=True, occurred_at__gte=timezone.now() - timedelta(hours=24))


def earlier_versions(notes: list[DailyNote]) -> dict[Any, list[DailyNote]]:
    """What each note superseded, newest first, by the standing note's id. One query, whatever the number."""
    wanted = {note.resident_id for note in notes if note.supersedes_id}
    if not wanted:
        return {}
    superseded = DailyNote.objects.filter(
        organisation_id=notes[0].organisation_id, resident_id__in=wanted, correction__isnull=False
    )
    by_id = {note.pk: note for note in superseded}
    chains: dict[Any, list[DailyNote]] = {}
    for note in notes:
        earlier = by_id.get(note.supersedes_id)
        while earlier is not None:
            chains.setdefault(note.pk, []).append(earlier)
            earlier = by_id.get(earlier.supersedes_id)
    return chains


def erasures(actor: Actor) -> QuerySet[Erasure]:
    """Certificates of erasures in the homes where the actor may read them, newest first."""
    found: QuerySet[Erasure] = (
        Erasure.objects.filter(
            organisation_id=actor.organisation_id,
            care_home_id__in=actor.homes_permitting(RecordPermission.READ_ERASURE),
        )
        .select_related("care_home")
        .order_by("-erased_at")
    )
    return found


def has_nhs_number(actor: Actor, nhs_number: str) -> bool:
    """Whether a resident of the organisation has it already."""
    index = nhs_number_index(actor.organisation_id, nhs_number)
    return bool(Resident.objects.filter(organisation_id=actor.organisation_id, nhs_number_index=index).exists())
