"""Access reports in templates: the way to one, and how a line of one reads."""

from datetime import date
from typing import Any

from django import template
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from compliance.access_reports.looks import LONDON, Line
from compliance.policies import CompliancePermission, policy

register = template.Library()


@register.simple_tag(takes_context=True)
def access_report_url(context: dict[str, Any], resident: Any) -> str:
    """The address of the resident's access report, for people who may read it; else nothing. No query."""
    actor = getattr(context.get("request"), "actor", None)
    if actor is None or not policy.allows(actor, CompliancePermission.READ_ACCESS_REPORT, at=resident.care_home_id):
        return ""
    return reverse("compliance:access_report", args=[resident.pk])


@register.filter
def hours(line: Line) -> str:
    """14:05, or 14:05 to 14:40"""
    first, last = f"{line.first_at.astimezone(LONDON):%H:%M}", f"{line.last_at.astimezone(LONDON):%H:%M}"
    return first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}


@register.filter
def full_day(value: date) -> str:
    """Tuesday 12 May 2026"""
    return date_format(value, "l j F Y")
