"""Access's pages: organisation, sign in, lock, account, people, devices."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access import forms, queries, services
from access.actors import roles_now, roles_of
from access.errors import AlreadyLeft, LastAdministrator, LeavingInFuture, PinNotAllowed, UnknownPage, WrongPassword
from access.http import StaffRequest, open_while_locked, safe_next
from access.middleware import DEVICE_COOKIE, remember_organisation
from access.models import Directory
from access.policies import ANYWHERE, AccessPermission, policy
from access.services.sessions import pin_allowed

_TEN_YEARS = 10 * 365 * 24 * 60 * 60


@login_not_required
@open_while_locked
@require_http_methods(["GET", "POST"])
def organisation(request: HttpRequest) -> HttpResponse:
    form = forms.OrganisationForm(request.POST or None)
    if form.is_valid():
        found = Directory.objects.filter(code=form.cleaned_data["code"]).first()
        if found:
            response = redirect("access:sign_in")
            remember_organisation(response, found.organisation_id)
            return response
        form.add_error("code", _("No organisation has this code. Check it with your manager"))
    return render(request, "access/organisation_form.html", {"form": form}, status=422 if form.errors else 200)


@login_not_required
@open_while_locked
@require_http_methods(["GET", "POST"])
def sign_in(request: Any) -> HttpResponse:
    if request.organisation_id is None:
        return redirect("access:organisation")
    form = forms.SignInForm(request.POST or None)
    if form.is_valid():
        try:
            services.sign_in(request, **form.cleaned_data)
        except WrongPassword:
            services.sign_in_failed(request, email=form.cleaned_data["email"])
            form.add_error(None, _("The email or the password is not right. Try again"))
        else:
            return redirect(safe_next(request, request.GET.get("next"), reverse("home")))
    context = {"form": form, "organisation": queries.organisation(request.organisation_id)}
    return render(request, "access/sign_in.html", context, status=422 if form.errors else 200)


@open_while_locked
@require_POST
def sign_out(request: Any) -> HttpResponse:
    services.sign_out(request)
    response = redirect("access:sign_in")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@open_while_locked
@require_http_methods(["GET", "POST"])
def lock(request: Any) -> HttpResponse:
    """The lock page: the same person unlocks and returns to the page they came from."""
    row = request.staff_session
    after = safe_next(request, request.GET.get("next"), reverse("home"))
    if row.locked_at is None:
        return redirect(after)
    by_pin = pin_allowed(row) and request.GET.get("method") != "password"
    form = (forms.PinForm if by_pin else forms.PasswordForm)(request.POST or None)
    if form.is_valid():
        unlock = services.unlock_with_pin if by_pin else services.unlock_with_password
        try:
            unlock(request, **form.cleaned_data)
        except WrongPassword:
            form.add_error(
                None, _("That PIN is not right. Try again") if by_pin else _("That password is not right. Try again")
            )
        except PinNotAllowed:
            return redirect(f"{reverse('access:lock')}?method=password")
        else:
            return redirect(after)
    if by_pin and form.errors and not pin_allowed(row):
        return redirect(f"{reverse('access:lock')}?method=password")
    context = {
        "form": form,
        "method": "pin" if by_pin else "password",
        "pin_possible": pin_allowed(row),
        "person_name": row.staff.first_name,
        "initials": row.staff.initials,
        "home_name": row.device.care_home.name if row.device else "",
        "device_name": row.device.name if row.device else "",
        "idle_minutes": int(services.idle_limit(row).total_seconds() // 60),
        "now": timezone.now(),
        "next": request.GET.get("next", ""),
    }
    return render(request, "access/lock.html", context, status=422 if form.errors else 200)


@open_while_locked
@require_POST
def lock_now(request: Any) -> HttpResponse:
    services.lock_session(row=request.staff_session, reason="asked")
    return redirect("access:lock")


@open_while_locked
@require_GET
def session_state(request: Any) -> HttpResponse:
    """For scripts: whether this session is open. Looking does not keep it open."""
    row = request.staff_session
    return JsonResponse({"state": "locked" if row.locked_at else "open"})


session_state.counts_as_input = False  # type: ignore[attr-defined]


@require_POST
def activity(request: StaffRequest) -> HttpResponse:
    """A hand moved on a page that sends nothing by itself (typing a long note)."""
    return HttpResponse(status=204)


@require_POST
def printed(request: StaffRequest) -> HttpResponse:
    """A script tells that a page was printed: which one says the token that the page itself was given."""
    form = forms.PrintForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    try:
        services.record_print(teller=request.actor, **form.cleaned_data)
    except UnknownPage:
        return HttpResponse(status=400)
    return HttpResponse(status=204)


printed.counts_as_input = False  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def account(request: StaffRequest) -> HttpResponse:
    """More: who I am, where I work, my colours."""
    form = forms.ThemeForm(request.POST or None, initial={"theme": request.user.theme})
    if form.is_valid():
        services.choose_theme(actor=request.actor, theme=form.cleaned_data["theme"])
        return redirect("access:account")
    allowed = {
        "devices": policy.allows(request.actor, AccessPermission.READ_DEVICE, at=ANYWHERE),
        "people": policy.allows(request.actor, AccessPermission.READ_STAFF, at=ANYWHERE),
    }
    links = [
        {"label": _("People"), "url": reverse("access:people"), "icon": "person", "shown": allowed["people"]},
        {"label": _("Tablets"), "url": reverse("access:devices"), "icon": "tablet", "shown": allowed["devices"]},
    ]
    context = {
        "theme_form": form,
        "roles": [{"home": name, "role": role.label} for _home, name, role in roles_now(request.user)],
        "sign_ins": queries.sign_ins(request.user),
        "links": [link for link in links if link["shown"]],
    }
    return render(request, "access/account.html", context)


@require_GET
def people(request: StaffRequest) -> HttpResponse:
    members = sorted(queries.staff_members(request.actor), key=lambda staff: staff.display_name.casefold())
    work = roles_of(request.organisation_id, {member.pk for member in members})
    homes = request.actor.homes_permitting(AccessPermission.RECORD_LEAVER)
    rows = [
        {
            "member": member,
            "work": [(name, role.label) for _home, name, role in work.get(member.pk, [])],
            "may_leave": services.may_record_leaving(homes, work.get(member.pk, [])),
        }
        for member in members
    ]
    return render(request, "access/people.html", {"rows": rows, "may_leave": bool(homes), "now": timezone.now()})


@require_http_methods(["GET", "POST"])
def leaver(request: StaffRequest, staff_id: UUID) -> HttpResponse:
    member = get_object_or_404(queries.staff_members(request.actor), pk=staff_id)
    services.require_leaver_right(actor=request.actor, staff=member)
    form = forms.LeaverForm(request.POST or None, initial={"left_at": timezone.localtime()})
    if form.is_valid():
        try:
            services.record_leaver(actor=request.actor, staff=member, **form.cleaned_data)
        except LeavingInFuture:
            form.add_error("left_at", _("Enter a day after they joined and in the next 90 days"))
        except AlreadyLeft:
            form.add_error(None, _("Their access has ended already. It does not open again by a later day"))
        except LastAdministrator:
            form.add_error(None, _("This is the last administrator. Give someone else that role first"))
        else:
            messages.success(request, _("Access ends as you set it."))
            return redirect("access:people")
    return render(
        request, "access/leaver_form.html", {"member": member, "form": form}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "POST"])
def devices(request: StaffRequest) -> HttpResponse:
    """Enrolled tablets, and enrolling the one in the administrator's hands."""
    rows = queries.devices(request.actor)
    homes = queries.care_homes(request.actor, AccessPermission.ENROL_DEVICE)
    form = forms.EnrolDeviceForm(request.POST or None, care_homes=homes)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                _device, secret = services.enrol_device(actor=request.actor, **form.cleaned_data)
        except IntegrityError:
            form.add_error("name", _("This home has a tablet of that name. Choose another"))
        else:
            services.sign_out(request)
            return _with_device(redirect("access:sign_in"), secret)
    may_enrol = policy.allows(request.actor, AccessPermission.ENROL_DEVICE, at=ANYWHERE)
    context = {"devices": rows, "form": form if may_enrol else None, "this_device": request.device}
    return render(request, "access/devices.html", context, status=422 if request.method == "POST" else 200)


def _with_device(response: HttpResponse, secret: str) -> HttpResponse:
    response.set_cookie(
        DEVICE_COOKIE, secret, max_age=_TEN_YEARS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )
    return response


@require_POST
def device_block(request: StaffRequest, device_id: UUID) -> HttpResponse:
    device = get_object_or_404(queries.devices(request.actor), pk=device_id)
    services.block_device(actor=request.actor, device=device)
    messages.success(request, _("The tablet is blocked."))
    return redirect("access:devices")
