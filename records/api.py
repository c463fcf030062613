"""Residents and daily notes over the API: the same queries, services, policies and ledger as the pages."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

import access.queries
import access.services
from access.models import CareHome
from access.policies import ANYWHERE
from records import queries, services
from records.errors import AlreadyCorrected, BadText, NoteInFuture
from records.models import DailyNote, Resident
from records.models.resident import CareFlag
from records.nhs_number import normalised
from records.policies import RecordPermission, policy
from records.text import NOTE_LENGTH, cleaned

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="Up to 100 characters, new for each new act. The same key and body again gives the first answer; "
    "the same key with another body gives 409.",
)
_REFUSALS = {
    401: OpenApiResponse(description="Sign in, or send a token."),
    403: OpenApiResponse(description="Not permitted; the refusal is on record."),
    423: OpenApiResponse(description="The session is locked."),
}
_WRITES = _REFUSALS | {
    400: OpenApiResponse(description="What is wrong, by field."),
    409: OpenApiResponse(description="The Idempotency-Key was used for another request."),
}


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses a field it does not know: nothing that was sent is dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise ValidationError({name: [_("There is no such field.")] for name in unknown})
        return super().to_internal_value(data)


class ResidentSerializer(serializers.Serializer[Resident]):
    """Identifiers are null for a person who may not see them."""

    id = serializers.UUIDField(read_only=True)
    care_home_id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    first_name = serializers.CharField(read_only=True)
    last_name = serializers.CharField(read_only=True)
    preferred_name = serializers.CharField(read_only=True)
    room = serializers.CharField(read_only=True)
    admitted_on = serializers.DateField(read_only=True, allow_null=True)
    allergy_state = serializers.ChoiceField(choices=Resident.AllergyState.choices, read_only=True)
    allergies = serializers.CharField(read_only=True)
    care_flags = serializers.ListField(child=serializers.CharField(), read_only=True)
    born_on = serializers.SerializerMethodField()
    gender = serializers.SerializerMethodField()
    nhs_number = serializers.SerializerMethodField()

    def _identified(self, resident: Resident) -> bool:
        return policy.allows(self.context["actor"], RecordPermission.READ_IDENTIFIERS, at=resident.care_home_id)

    def get_born_on(self, resident: Resident) -> str | None:
        return resident.born_on.isoformat() if self._identified(resident) else None

    def get_gender(self, resident: Resident) -> str | None:
        return str(resident.gender) if self._identified(resident) else None

    def get_nhs_number(self, resident: Resident) -> str | None:
        return resident.nhs_number if self._identified(resident) else None


class NewResidentSerializer(StrictSerializer):
    care_home_id = serializers.UUIDField()
    title = serializers.CharField(max_length=100, required=False)
    first_name = serializers.CharField(max_length=100)
    last_name = serializers.CharField(max_length=100)
    preferred_name = serializers.CharField(max_length=100, required=False)
    born_on = serializers.DateField()
    gender = serializers.ChoiceField(choices=Resident.Gender.choices)
    nhs_number = serializers.CharField(max_length=14, required=False)
    room = serializers.CharField(max_length=10, required=False)
    admitted_on = serializers.DateField(required=False)
    allergies = serializers.CharField(max_length=2000, help_text='The allergies, or "none known", or "not recorded".')
    care_flags = serializers.ListField(child=serializers.ChoiceField(choices=CareFlag.choices), required=False)
    about_me = serializers.CharField(max_length=2000, required=False)

    def validate_nhs_number(self, value: str) -> str:
        number = normalised(value)
        if number is None:
            raise ValidationError(_("Check the NHS number: its ten digits do not fit together."))
        return number

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("title", "first_name", "last_name", "preferred_name", "room", "allergies", "about_me"):
            if name in attrs:
                try:
                    attrs[name] = cleaned(attrs[name], longest=2000)
                except BadText as error:
                    raise ValidationError({name: [str(error)]}) from error
        return attrs


class NoteSerializer(serializers.Serializer[DailyNote]):
    id = serializers.UUIDField(read_only=True)
    resident_id = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(choices=DailyNote.Kind.choices, read_only=True)
    body = serializers.CharField(read_only=True)
    occurred_at = serializers.DateTimeField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    for_handover = serializers.BooleanField(read_only=True)
    written_by = serializers.CharField(read_only=True)
    supersedes_id = serializers.UUIDField(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True)


class NewNoteSerializer(StrictSerializer):
    body = serializers.CharField(trim_whitespace=False, help_text=f"At most {NOTE_LENGTH} characters.")
    occurred_at = serializers.DateTimeField(help_text="With a time zone; not in the future.")
    kind = serializers.ChoiceField(choices=DailyNote.Kind.choices, default=DailyNote.Kind.GENERAL)
    for_handover = serializers.BooleanField(default=False)


class CorrectionSerializer(StrictSerializer):
    body = serializers.CharField(trim_whitespace=False)
    reason = serializers.CharField(trim_whitespace=False)


def answer_once(request: Any, act: Any, *, found: Any, show: Any) -> Response:
    """Run a write once per Idempotency-Key; domain errors become 400s by field, and nothing is kept of them.

    act() makes the record; found: the query in which this actor may find it again; show(record): its serializer. Only
    the record's id is remembered: a repeat reads it anew, so it shows what the actor may see now, is noted as a view,
    and no copy outlives the resident's key.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > 100 or not key.isprintable():
        raise ValidationError({"Idempotency-Key": [_("Send this header, with 1 to 100 printable characters.")]})
    inner = request._request
    asked = b"\n".join((request.method.encode(), inner.path_info.encode(), inner.body))
    made: list[Any] = []

    def once() -> tuple[int, Any]:
        made.append(act())
        return status.HTTP_201_CREATED, {"id": str(made[0].pk)}

    try:
        code, kept, repeated = access.services.answer_once(actor=inner.actor, key=key, request=asked, act=once)
    except NoteInFuture as error:
        raise ValidationError({"occurred_at": [_("Send a time that is not in the future.")]}) from error
    except BadText as error:
        raise ValidationError({"body": [str(error)]}) from error
    record = get_object_or_404(found, pk=kept["id"]) if repeated else made[0]
    return Response(show(record).data, status=code, headers={"Idempotent-Replayed": "true"} if repeated else None)


class ActorMixin:
    """Serializers see who asks."""

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()  # type: ignore[misc]
        inner = getattr(self.request, "_request", None)  # type: ignore[attr-defined]
        return context | {"actor": getattr(inner, "actor", None)}


class ResidentListView(ActorMixin, ListAPIView[Resident]):
    serializer_class = ResidentSerializer
    queryset = Resident._base_manager.none()

    def get_queryset(self) -> Any:
        actor = self.request._request.actor  # type: ignore[attr-defined]
        policy.require(actor, RecordPermission.READ_RESIDENT, at=ANYWHERE)
        return queries.residents(actor)

    @extend_schema(summary="Residents", responses={200: ResidentSerializer(many=True), **_REFUSALS})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Admit a resident",
        parameters=[IDEMPOTENCY],
        request=NewResidentSerializer,
        responses={201: ResidentSerializer, **_WRITES},
    )
    def post(self, request: Any) -> Response:
        actor = request._request.actor
        given = NewResidentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        homes = access.queries.care_homes(actor, RecordPermission.IMPORT_RESIDENTS)
        policy.require(actor, RecordPermission.IMPORT_RESIDENTS, at=ANYWHERE)
        home: CareHome = get_object_or_404(homes, pk=values.pop("care_home_id"))

        def act() -> Any:
            number = values.get("nhs_number")
            if number and queries.has_nhs_number(actor, number):
                raise ValidationError({"nhs_number": [_("A resident with this NHS number is here already.")]})
            return services.admit_resident(actor=actor, care_home=home, **values)

        def show(resident: Resident) -> ResidentSerializer:
            return ResidentSerializer(resident, context={"actor": actor})

        return answer_once(request, act, found=queries.residents(actor), show=show)


class ResidentView(ActorMixin, GenericAPIView[Resident]):
    serializer_class = ResidentSerializer
    queryset = Resident._base_manager.none()

    @extend_schema(summary="One resident", responses={200: ResidentSerializer, 404: OpenApiTypes.OBJECT, **_REFUSALS})
    def get(self, request: Any, resident_id: UUID) -> Response:
        found = get_object_or_404(queries.residents(request._request.actor), pk=resident_id)
        return Response(self.get_serializer(found).data)


class NoteListView(ActorMixin, ListAPIView[DailyNote]):
    serializer_class = NoteSerializer
    queryset = DailyNote._base_manager.none()

    def get_queryset(self) -> Any:
        actor = self.request._request.actor  # type: ignore[attr-defined]
        found = get_object_or_404(queries.residents(actor), pk=self.kwargs["resident_id"])
        policy.require(actor, RecordPermission.READ_DAILY_NOTE, at=found.care_home_id)
        return queries.daily_notes(actor, found)

    @extend_schema(summary="A resident's notes that stand", responses={200: NoteSerializer(many=True), **_REFUSALS})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Write a note",
        parameters=[IDEMPOTENCY],
        request=NewNoteSerializer,
        responses={201: NoteSerializer, **_WRITES},
    )
    def post(self, request: Any, resident_id: UUID) -> Response:
        actor = request._request.actor
        found = get_object_or_404(queries.residents(actor), pk=resident_id)
        policy.require(actor, RecordPermission.WRITE_DAILY_NOTE, at=found.care_home_id)
        given = NewNoteSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def act() -> Any:
            return services.write_daily_note(actor=actor, resident=found, **given.validated_data)

        return answer_once(request, act, found=queries.all_daily_notes(actor), show=NoteSerializer)


class NoteCorrectionView(GenericAPIView[DailyNote]):
    serializer_class = CorrectionSerializer
    queryset = DailyNote._base_manager.none()

    @extend_schema(
        summary="Correct a note by superseding it",
        parameters=[IDEMPOTENCY],
        request=CorrectionSerializer,
        responses={201: NoteSerializer, **_WRITES},
    )
    def post(self, request: Any, note_id: UUID) -> Response:
        actor = request._request.actor
        note = get_object_or_404(queries.all_daily_notes(actor), pk=note_id)
        given = CorrectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def act() -> Any:
            try:
                return services.correct_daily_note(actor=actor, note=note, **given.validated_data)
            except AlreadyCorrected as error:
                raise ValidationError(
                    {"detail": [_("This note was corrected already. Correct the newer one.")]}
                ) from error

        return answer_once(request, act, found=queries.all_daily_notes(actor), show=NoteSerializer)
