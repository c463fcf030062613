"""Records' forms: they parse and never save."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.ids import uuid7
from records.errors import BadText
from records.models import DailyNote, Erasure
from records.text import NOTE_LENGTH, cleaned

_PROBLEM_FILE = _("Choose a CSV file of at most 1 MB")


class TextField(forms.CharField):
    """Text kept as typed, refused with words that say what to do; no browser limit that would cut a paste short."""

    def __init__(self, *, longest: int, rows: int = 5, **kwargs: Any) -> None:
        self.longest = longest
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": rows}), **kwargs)

    def clean(self, value: Any) -> str:
        try:
            return cleaned(str(value or ""), longest=self.longest)
        except BadText as error:
            raise ValidationError(str(error)) from error


class DailyNoteForm(forms.Form):
    note_id = forms.UUIDField(widget=forms.HiddenInput, required=False)
    body = TextField(label=_("Note"), help_text=_("What happened, and how they were."), longest=NOTE_LENGTH, rows=6)
    kind = forms.ChoiceField(
        label=_("What it is about"), choices=DailyNote.Kind.choices, widget=forms.RadioSelect, initial="general"
    )
    occurred_at = forms.DateTimeField(
        label=_("When it happened"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": _("Enter when it happened"), "invalid": _("Enter a real date and time")},
    )
    for_handover = forms.BooleanField(label=_("Tell the next shift"), required=False)

    @classmethod
    def fresh(cls, kind: str = "") -> "DailyNoteForm":
        """An empty form with an id of its own: sent twice, it is one note. An unknown kind is a general note."""
        known = kind if kind in DailyNote.Kind.values else DailyNote.Kind.GENERAL
        return cls(initial={"note_id": uuid7(), "kind": known, "occurred_at": timezone.localtime()})

    def clean_occurred_at(self) -> datetime:
        occurred_at: datetime = self.cleaned_data["occurred_at"]
        if occurred_at > timezone.now():
            raise ValidationError(_("Enter a time that is not in the future"))
        return occurred_at


class CorrectionForm(forms.Form):
    body = TextField(label=_("The note as it should be"), longest=NOTE_LENGTH, rows=6)
    reason = TextField(label=_("Why it is corrected"), longest=500, rows=2)


class ErasureForm(forms.Form):
    """Erasing a resident's record: on what ground, why, and by somebody who knows what it means."""

    basis = forms.ChoiceField(
        label=_("Why may it be erased?"),
        choices=[choice for choice in Erasure.Basis.choices if choice[0] != Erasure.Basis.RESTORED],
        widget=forms.RadioSelect,
    )
    reason = TextField(
        label=_("Reason"),
        help_text=_("Kept on the certificate. Write nothing about the resident that has to go, and no name."),
        longest=1_000,
        rows=3,
    )
    law_allows = forms.BooleanField(
        label=_("The law allows it: the record need not be kept, and no complaint, claim or inquiry needs it"),
        error_messages={"required": _("Tick this only if it is so. If you are not sure, do not erase")},
    )
    confirm = forms.CharField(
        label=_("The resident's full name"),
        help_text=_("Type it as it stands above, first name first."),
        max_length=250,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Type the resident's full name")},
    )
    password = forms.CharField(
        label=_("Your password"),
        help_text=_("We ask again, because nobody can undo it."),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password")},
    )


class NoteFilterForm(forms.Form):
    kind = forms.ChoiceField(label=_("About"), required=False, choices=[("", _("Everything")), *DailyNote.Kind.choices])
    day = forms.DateField(
        label=_("Day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("Enter a real date")},
    )


class ResidentImportForm(forms.Form):
    care_home: Any = forms.ModelChoiceField(label=_("Care home"), queryset=None, empty_label=None)
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("With the columns of the sample file. At most 1 MB."),
        error_messages={
            "required": _PROBLEM_FILE,
            "empty": _("The file is empty. Choose another"),
            "missing": _PROBLEM_FILE,
        },
    )

    def __init__(self, *args: Any, care_homes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home: Any = self.fields["care_home"]
        home.queryset = care_homes
        home.label_from_instance = lambda instance: instance.name

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload.size > 1024 * 1024:
            raise ValidationError(_PROBLEM_FILE)
        content: bytes = upload.read()
        return content
