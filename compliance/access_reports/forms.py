"""Forms of access reports: they parse and never save."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.ids import uuid7
from compliance.access_reports import text
from compliance.access_reports.queries import PERIODS
from compliance.models import AccessAnswer, AccessReportSetting, AccessReportShare
from records.errors import BadText

EXPIRIES = (7, 14, 30, 90)  # days


class LineField(forms.CharField):
    """A name or a relation, on one line."""

    def clean(self, value: Any) -> str:
        try:
            return text.one_line(super().clean(value))
        except BadText as error:
            raise ValidationError(str(error)) from error


class WordsField(forms.CharField):
    """Words that may be left out."""

    widget = forms.Textarea

    def clean(self, value: Any) -> str:
        try:
            return text.optional(super().clean(value)) or ""
        except BadText as error:
            raise ValidationError(str(error)) from error


class ShareForm(forms.Form):
    """Whom the link is for, on what ground, for how long."""

    share_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    receiver = LineField(
        label=_("Who is the link for?"),
        help_text=_("Their full name. One link for one person."),
        error_messages={"required": _("Enter the name of the person the link is for")},
    )
    relation = LineField(
        label=_("Who are they to the resident?"),
        help_text=_("For example: daughter, husband, friend, solicitor, or the resident in person."),
        error_messages={"required": _("Enter who they are to the resident")},
    )
    basis = forms.ChoiceField(
        label=_("Why may they see it?"),
        choices=AccessReportShare.Basis.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose why they may see it")},
    )
    basis_note = WordsField(
        label=_("More about the reason"),
        help_text=_("Needed for another reason. Otherwise leave it empty, or say where the document lies."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    period = forms.ChoiceField(
        label=_("How far back?"), choices=[(key, words) for key, (words, _n) in PERIODS.items()], initial="365"
    )
    runs_for = forms.TypedChoiceField(
        label=_("How long does the link work?"),
        choices=[(days, _("%(n)d days") % {"n": days}) for days in EXPIRIES],
        coerce=int,
        initial=14,
    )
    seen = forms.BooleanField(
        label=_("I have seen the document, or the resident asked me in person"),
        error_messages={"required": _("Confirm that you have seen the document, or that the resident asked you")},
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("basis") == AccessReportShare.Basis.OTHER and not cleaned.get("basis_note"):
            self.add_error("basis_note", _("Say what the reason is"))
        return cleaned


class NamesForm(forms.Form):
    names = forms.ChoiceField(
        label=_("How are staff named on links and letters?"),
        help_text=_("Managers always see full names."),
        choices=AccessReportSetting.Names.choices,
        widget=forms.RadioSelect,
    )


class AskForm(forms.Form):
    """Asking why: a tap is enough."""

    words = WordsField(
        label=_("Is there something you want to know in particular?"),
        help_text=_("You can leave this empty. The question why they looked is asked either way."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        help_text=_("8 letters and digits. The home told you by telephone or in person."),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": _("Enter the code"), "max_length": _("Enter the 8 letters and digits of the code")},
    )


class AnswerForm(forms.Form):
    """What came of it, in plain words."""

    outcome = forms.ChoiceField(
        label=_("What did you find?"),
        choices=AccessAnswer.Outcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what you found")},
    )
    words = forms.CharField(
        label=_("Your answer"),
        help_text=_("Plain words. Whoever asked reads this. Leave other residents out."),
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": _("Write the answer")},
    )

    def clean_words(self) -> str:
        try:
            return text.cleaned(self.cleaned_data["words"], longest=text.WORDS_LENGTH)
        except BadText as error:
            raise ValidationError(str(error)) from error
