"""Access's forms: they parse and never save."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.models import Staff


class PlainNameValidator(RegexValidator):
    """A name on one line, without characters that nobody sees or that turn the line around."""

    regex = re.compile(r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*\Z")
    message = _("Leave out line breaks and hidden characters")


class OrganisationForm(forms.Form):
    code = forms.CharField(
        label=_("Organisation code"),
        help_text=_("Your manager has it. You type it once on this device."),
        max_length=40,
        error_messages={"required": _("Enter your organisation code")},
    )

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().lower()


class SignInForm(forms.Form):
    email = forms.CharField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "inputmode": "email"}),
        error_messages={"required": _("Enter your email")},
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password")},
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("Your password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password")},
    )


class PinForm(forms.Form):
    pin = forms.RegexField(
        r"^\d{6}$",
        label=_("Your PIN"),
        widget=forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _("Enter your 6-digit PIN"), "invalid": _("Your PIN has 6 digits")},
    )


class PrintForm(forms.Form):
    token = forms.CharField(max_length=40_000)
    print_id = forms.UUIDField()
    seconds_ago = forms.IntegerField(min_value=0, max_value=14 * 24 * 60 * 60)


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(label=_("Colours"), choices=Staff.Theme.choices, widget=forms.RadioSelect)


class EnrolDeviceForm(forms.Form):
    name = forms.CharField(
        label=_("Name of this tablet"),
        help_text=_("As on its label, for example Oak tablet 2."),
        max_length=60,
        validators=[PlainNameValidator()],
        error_messages={"required": _("Enter a name for this tablet")},
    )
    care_home: Any = forms.ModelChoiceField(label=_("Care home"), queryset=None, empty_label=None)

    def __init__(self, *args: Any, care_homes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        home: Any = self.fields["care_home"]
        home.queryset = care_homes
        home.label_from_instance = lambda instance: instance.name


class LeaverForm(forms.Form):
    left_at = forms.DateTimeField(
        label=_("Last day and time at work"),
        help_text=_("Access ends at this minute, on every device."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": _("Enter when they leave"), "invalid": _("Enter a real date and time")},
    )

    def clean_left_at(self) -> datetime:
        left_at: datetime = self.cleaned_data["left_at"]
        if left_at > timezone.now() + timedelta(days=90):
            raise ValidationError(_("Enter a day in the next 90 days"))
        return left_at
