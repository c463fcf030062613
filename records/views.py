"""Records' pages."""

from datetime import datetime, time
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

import access.queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from access.services import confirm_password
from records import pages, queries, services
from records.errors import AlreadyCorrected, AlreadyErased, ImportRefused, NoteInFuture, WrongName
from records.forms import CorrectionForm, DailyNoteForm, ErasureForm, NoteFilterForm, ResidentImportForm
from records.models import Resident
from records.policies import RecordPermission, policy

_NOTES_A_PAGE = 50


@require_GET
def resident_list(request: StaffRequest) -> HttpResponse:
    policy.require(request.actor, RecordPermission.READ_RESIDENT, at=ANYWHERE)
    homes = list(access.queries.care_homes(request.actor, RecordPermission.READ_RESIDENT))
    chosen = next((home for home in homes if home.code == request.GET.get("home")), None)
    found, query = queries.residents(request.actor), request.GET.get("q", "").replace("\x00", " ").strip()[:100]
    if chosen:
        found = found.filter(care_home=chosen)
    if query:
        found = queries.matching(found, request.actor, query)
    names = {home.pk: home.name for home in homes} if len(homes) > 1 and not chosen else {}
    rows = queries.with_note_times(found)
    cards = [pages.card(request.actor, row, home_name=names.get(row.care_home_id, "")) for row in rows]
    if query:
        services.record_search(actor=request.actor, words=query, found=len(cards), care_home=chosen)
    everywhere = {"label": _("All homes"), "url": request.path, "current": chosen is None}
    context = {
        "residents": cards,
        "query": query,
        "homes": [everywhere, *({"label": h.name, "url": f"?home={h.code}", "current": h == chosen} for h in homes)]
        if len(homes) > 1
        else [],
        "import_url": _import_url(request),
    }
    return render(request, "records/resident_list.html", context)


def _import_url(request: StaffRequest) -> str:
    may = policy.allows(request.actor, RecordPermission.IMPORT_RESIDENTS, at=ANYWHERE)
    return reverse("records:resident_import") if may else ""


def _note_url(request: StaffRequest, resident: Resident) -> str:
    may = policy.allows(request.actor, RecordPermission.WRITE_DAILY_NOTE, at=resident.care_home_id)
    return reverse("records:daily_note_new", args=[resident.pk]) if may else ""


def _erase_url(request: StaffRequest, resident: Resident) -> str:
    may = policy.allows(request.actor, RecordPermission.ERASE_RESIDENT, at=resident.care_home_id)
    return reverse("records:resident_erase", args=[resident.pk]) if may else ""


def _page(request: StaffRequest, resident: Resident) -> dict[str, object]:
    """What every page of one resident shows."""
    return {
        "resident": resident,
        "banner": pages.banner(request.actor, resident),
        "note_url": _note_url(request, resident),
        "may_read_notes": policy.allows(request.actor, RecordPermission.READ_DAILY_NOTE, at=resident.care_home_id),
    }


@require_GET
def resident(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    """Today; of an erased record, its certificate for those who may read it."""
    found = queries.residents(request.actor).filter(pk=resident_id).first()
    if found is None:
        erased = get_object_or_404(queries.erasures(request.actor), resident_id=resident_id)
        return redirect("records:erasure", erased.pk)
    today = list(queries.todays_notes(request.actor, found))
    handover = list(queries.handover_notes(request.actor, found))
    context = _page(request, found) | {
        "notes": pages.note_lines(request.actor, today),
        "tiles": pages.tiles(today),
        "handover": pages.note_lines(request.actor, handover),
        "erase_url": _erase_url(request, found),
        "about_me": found.about_me
        if policy.allows(request.actor, RecordPermission.READ_IDENTIFIERS, at=found.care_home_id)
        else "",
    }
    return render(request, "records/resident_detail.html", context)


@require_GET
def daily_notes(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    found = get_object_or_404(queries.residents(request.actor), pk=resident_id)
    policy.require(request.actor, RecordPermission.READ_DAILY_NOTE, at=found.care_home_id)
    notes, form = queries.daily_notes(request.actor, found), NoteFilterForm(request.GET or None)
    if form.is_valid():
        if form.cleaned_data["kind"]:
            notes = notes.filter(kind=form.cleaned_data["kind"])
        if day := form.cleaned_data["day"]:
            start = timezone.make_aware(datetime.combine(day, time.min))
            end = timezone.make_aware(datetime.combine(day, time.max))
            notes = notes.filter(occurred_at__range=(start, end))
    page = Paginator(notes, _NOTES_A_PAGE).get_page(request.GET.get("page"))
    lines = pages.note_lines(request.actor, list(page.object_list))
    return render(
        request,
        "records/daily_notes.html",
        _page(request, found) | {"page": page, "notes": lines, "filter_form": form, "form": form},
    )


@require_http_methods(["GET", "POST"])
def daily_note_new(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    found = get_object_or_404(queries.residents(request.actor), pk=resident_id)
    policy.require(request.actor, RecordPermission.WRITE_DAILY_NOTE, at=found.care_home_id)
    form = DailyNoteForm(request.POST) if request.method == "POST" else DailyNoteForm.fresh(request.GET.get("kind", ""))
    if form.is_valid():
        try:
            services.write_daily_note(actor=request.actor, resident=found, **form.cleaned_data)
        except NoteInFuture:
            form.add_error("occurred_at", _("Enter a time that is not in the future"))
        else:
            messages.success(request, _("Note saved."))
            return redirect("records:resident", resident_id)
    status = 422 if form.errors else 200
    return render(request, "records/daily_note_form.html", _page(request, found) | {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
def daily_note_correct(request: StaffRequest, note_id: UUID) -> HttpResponse:
    note = get_object_or_404(queries.all_daily_notes(request.actor), pk=note_id)
    own = note.written_by == request.actor.ref
    wanted = RecordPermission.WRITE_DAILY_NOTE if own else RecordPermission.CORRECT_DAILY_NOTE
    policy.require(request.actor, wanted, at=note.care_home_id)
    form = CorrectionForm(request.POST or None, initial={"body": note.body})
    if form.is_valid():
        try:
            services.correct_daily_note(actor=request.actor, note=note, **form.cleaned_data)
        except AlreadyCorrected:
            form.add_error(
                None, _("Somebody corrected this note meanwhile. Copy your text, then correct the newer one")
            )
        else:
            messages.success(request, _("Correction saved. The first text stays in the record."))
            return redirect("records:resident", note.resident_id)
    shown = pages.note_lines(request.actor, [note])[0]
    context = _page(request, note.resident) | {"note": shown, "form": form}
    return render(request, "records/daily_note_correct.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def resident_erase(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    """Erase a resident's record for good: ground, reason, the name typed, the password asked again."""
    found = get_object_or_404(queries.residents(request.actor), pk=resident_id)
    policy.require(request.actor, RecordPermission.ERASE_RESIDENT, at=found.care_home_id)
    form = ErasureForm(request.POST or None)
    if form.is_valid():
        values = dict(form.cleaned_data)
        if not confirm_password(request.user, values.pop("password"), request):
            form.add_error("password", _("The password is not right. Try again"))
        else:
            try:
                done = services.erase_resident(actor=request.actor, resident=found, **values)
            except AlreadyErased:
                return redirect("records:resident", resident_id)
            except WrongName:
                form.add_error("confirm", _("This is not the name above. Check whose record this is"))
            else:
                messages.success(request, _("The record is erased."))
                return redirect("records:erasure", done.pk)
    context = _page(request, found) | {"form": form, "backups_until": services.backups_until(timezone.localdate())}
    return render(request, "records/resident_erase.html", context, status=422 if form.errors else 200)


@require_GET
def erasures(request: StaffRequest) -> HttpResponse:
    """Certificates of what was erased."""
    policy.require(request.actor, RecordPermission.READ_ERASURE, at=ANYWHERE)
    page = Paginator(queries.erasures(request.actor), _NOTES_A_PAGE).get_page(request.GET.get("page"))
    names = access.queries.staff_names(request.organisation_id, {row.erased_by for row in page.object_list})
    rows = [(row, names.get(row.erased_by, row.erased_by)) for row in page.object_list]
    return render(request, "records/erasures.html", {"page": page, "rows": rows})


@require_GET
def erasure(request: StaffRequest, erasure_id: UUID) -> HttpResponse:
    """One certificate, to print."""
    row = get_object_or_404(queries.erasures(request.actor), pk=erasure_id)
    names = access.queries.staff_names(request.organisation_id, {row.erased_by})
    context = {"erasure": row, "erased_by": names.get(row.erased_by, row.erased_by)}
    return render(request, "records/erasure.html", context)


@require_http_methods(["GET", "POST"])
def resident_import(request: StaffRequest) -> HttpResponse:
    policy.require(request.actor, RecordPermission.IMPORT_RESIDENTS, at=ANYWHERE)
    homes = access.queries.care_homes(request.actor, RecordPermission.IMPORT_RESIDENTS)
    form = ResidentImportForm(request.POST or None, request.FILES or None, care_homes=homes)
    problems: list[object] = []
    if form.is_valid():
        try:
            count = services.import_residents(
                actor=request.actor, care_home=form.cleaned_data["care_home"], content=form.cleaned_data["file"]
            )
        except ImportRefused as refused:
            problems = refused.problems
        else:
            words = ngettext("%(n)d resident was imported.", "%(n)d residents were imported.", count)
            messages.success(request, words % {"n": count})
            return redirect("records:resident_list")
    context = {"form": form, "problems": problems, "sample_url": reverse("records:resident_sample")}
    return render(request, "records/resident_import.html", context, status=422 if form.errors or problems else 200)


@require_GET
def resident_sample(request: StaffRequest) -> HttpResponse:
    """The sample file: the columns, and forty invented people."""
    policy.require(request.actor, RecordPermission.IMPORT_RESIDENTS, at=ANYWHERE)
    path = settings.BASE_DIR / "records" / "sample" / "residents.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename="residents.csv", content_type="text/csv")  # type: ignore[return-value]
