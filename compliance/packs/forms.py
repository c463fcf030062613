"""Forms of evidence packs."""

from django import forms
from django.utils.translation import gettext_lazy as _


class PackForm(forms.Form):
    """Asking for a pack: why, and who asks."""

    reason = forms.CharField(
        label=_("Why do you need this pack?"),
        help_text=_("For example: for the inspector's visit on 3 March. The reason is kept in the audit log."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say why you need it"), "max_length": _("Use 500 characters or fewer")},
    )
    password = forms.CharField(
        label=_("Your password"),
        help_text=_("We ask again, because the pack leaves the house."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password")},
    )
