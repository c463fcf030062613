"""Forms of reports."""

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.reports.files import Format


class FileForm(forms.Form):
    """Which kind of file."""

    format = forms.ChoiceField(choices=[(form.value, form.value) for form in Format])


class ReviewForm(forms.Form):
    """Saying that one has looked at a month."""

    remark = forms.CharField(
        label=_("What did you check? (optional)"),
        help_text=_("For example: asked about the role given on the 3rd, it was for night cover."),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": _("Use 1,000 characters or fewer")},
    )
