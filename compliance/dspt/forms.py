"""Forms of evidence items."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.dspt.edition import Answer, EvidenceItem

_LABELS = {
    Answer.YES_NO: _("What did you check, and when?"),
    Answer.TEXT: _("Your answer"),
    Answer.DOCUMENT: _("Where the document is kept, and its version"),
}


class ConfirmForm(forms.Form):
    """Signing for an item."""

    statement = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={
            "required": _("Say in words what you checked"),
            "max_length": _("Use 4,000 characters or fewer"),
        },
    )
    valid_until = forms.DateField(
        label=_("Valid until"),
        help_text=_("You are asked again after this day."),
        widget=forms.DateInput(),
        error_messages={"required": _("Enter a day"), "invalid": _("Enter a day, such as 30 June 2027")},
    )

    def __init__(self, data: Any = None, *, item: EvidenceItem, latest: date) -> None:
        super().__init__(data, initial={"valid_until": latest})
        self.fields["statement"].label = _LABELS[item.answer]
        if item.not_applicable:
            self.fields["statement"].help_text = _("You may answer “Not applicable” when: %(when)s.") % {
                "when": item.not_applicable
            }


class WithdrawForm(forms.Form):
    """Taking a confirmation back."""

    reason = forms.CharField(
        label=_("Why is it no longer right?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say why"), "max_length": _("Use 1,000 characters or fewer")},
    )
