"""Forms of alerts."""

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.models import Alert


class ReviewForm(forms.Form):
    """Saying what it was."""

    verdict = forms.ChoiceField(
        label=_("What was it?"),
        choices=Alert.Verdict.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one")},
    )
    note = forms.CharField(
        label=_("What you found out"),
        help_text=_("Who you spoke to and what they said. Leave residents' names out."),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Say what you found out"), "max_length": _("Use 2,000 characters or fewer")},
    )
