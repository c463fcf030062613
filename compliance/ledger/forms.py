"""Forms of the explorer: the filters, the search for a person or resident, asking for a file."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from access.models import CareHome, Device
from audit.models import EventKind
from compliance.ledger.filters import Filters
from compliance.ledger.sentences import GROUPS
from compliance.models import LedgerExport

KINDS = {
    EventKind.VIEW: _("Views: something was opened"),
    EventKind.CHANGE: _("Changes: a record was written or changed"),
    EventKind.ACT: _("Other acts"),
    EventKind.REFUSAL: _("Refusals"),
}


class FilterForm(forms.Form):
    """What can be chosen on the page itself; a resident, a person, an alert and an hour ride along."""

    did = forms.ChoiceField(label=_("What was done"), required=False)
    kind = forms.ChoiceField(label=_("Kind of entry"), required=False)
    home = forms.ChoiceField(label=_("Care home"), required=False)
    device = forms.ChoiceField(label=_("Tablet"), required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput)
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput)
    number = forms.IntegerField(
        label=_("Entry number"), required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    resident = forms.CharField(required=False, widget=forms.HiddenInput)
    person = forms.CharField(required=False, widget=forms.HiddenInput)
    alert = forms.CharField(required=False, widget=forms.HiddenInput)
    hour = forms.CharField(required=False, widget=forms.HiddenInput)
    weekday = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, filters: Filters, homes: list[CareHome], devices: list[Device], **kwargs: Any) -> None:
        super().__init__(initial=filters.params(), **kwargs)
        choices: dict[str, list[tuple[str, Any]]] = {
            "did": [(code, label) for code, label in GROUPS.items()],
            "kind": [(kind.value, label) for kind, label in KINDS.items()],
            "home": [(str(home.pk), home.name) for home in homes],
            "device": [(str(device.pk), f"{device.name}, {device.care_home.name}") for device in devices],
        }
        for name, known in choices.items():
            self.fields[name].choices = [("", _("All")), *known]  # type: ignore[attr-defined]
        for name in ("resident", "person", "alert", "hour", "weekday"):
            if name not in filters.params():
                del self.fields[name]  # an address says only what was chosen


class WhomForm(forms.Form):
    """Looking for somebody by name: posted, so that no name stands in an address."""

    words = forms.CharField(
        label=_("Name or room"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter a name or a room")},
    )


class ExportForm(forms.Form):
    """Asking for a file: which, why, and who asks."""

    format = forms.ChoiceField(
        label=_("What kind of file?"),
        choices=[(value, label) for value, label in LedgerExport.Format.choices],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a kind of file")},
    )
    reason = forms.CharField(
        label=_("Why do you need this file?"),
        help_text=_("For example: for the investigation of 3 March. The reason is kept in the audit log."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say why you need it"), "max_length": _("Use 500 characters or fewer")},
    )
    password = forms.CharField(
        label=_("Your password"),
        help_text=_("We ask again, because the file leaves the house."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password")},
    )
