"""Every address of the site. A new one fails tests/promises until the permission matrix states who may open it."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_GET
from drf_spectacular.views import SpectacularJSONAPIView

from access.http import StaffRequest
from access.policies import ANYWHERE
from carehome import errors, health
from compliance.policies import CompliancePermission
from compliance.policies import policy as compliance_policy
from records import api
from records.policies import RecordPermission
from records.policies import policy as records_policy


@require_GET
def home(request: StaffRequest) -> HttpResponse:
    """Each person's own first page."""
    may_read = records_policy.allows(request.actor, RecordPermission.READ_RESIDENT, at=ANYWHERE)
    at_a_desk = compliance_policy.allows(request.actor, CompliancePermission.READ_DASHBOARD, at=ANYWHERE)
    if may_read and not (at_a_desk and _gives_no_care(request)):
        return redirect("records:resident_list")
    return redirect("compliance:dashboard" if at_a_desk else "access:account")


def _gives_no_care(request: StaffRequest) -> bool:
    """Administrators begin with data security; the kitchen, which reads no notes either, with the residents."""
    return not records_policy.allows(request.actor, RecordPermission.READ_DAILY_NOTE, at=ANYWHERE)


api_v1: list[URLPattern | URLResolver] = [
    path("residents/", api.ResidentListView.as_view(), name="residents"),
    path("residents/<uuid:resident_id>/", api.ResidentView.as_view(), name="resident"),
    path("residents/<uuid:resident_id>/notes/", api.NoteListView.as_view(), name="notes"),
    path("notes/<uuid:note_id>/corrections/", api.NoteCorrectionView.as_view(), name="note_corrections"),
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("access.urls")),
    path("", include("records.urls")),
    path("data-security/", include("compliance.urls")),
    path("my-record/", include("compliance.family_urls")),
    path("api/v1/", include((api_v1, "api"))),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
