"""The form renderer: the design system's markup, our words, and nothing of the browser's own validation."""

import datetime as dt
import re
from typing import Any

import pytest
from django import forms
from django.utils import timezone

from carehome.forms import NhsukRenderer, error_summary

KINDS = [("note", "Note"), ("drink", "Drink")]


class CareForm(forms.Form):
    default_renderer = NhsukRenderer

    body = forms.CharField(label="Note", help_text="What you saw or did.", max_length=20, widget=forms.Textarea)
    kind = forms.ChoiceField(label="Kind", choices=KINDS, widget=forms.RadioSelect)
    room = forms.CharField(label="Room", required=False, max_length=4)
    home = forms.ChoiceField(label="Home", choices=KINDS)
    topics = forms.MultipleChoiceField(label="Topics", choices=KINDS, widget=forms.CheckboxSelectMultiple)
    happened_at = forms.DateTimeField(label="When")
    seen_at = forms.SplitDateTimeField(label="Seen")
    file = forms.FileField(label="File")
    password = forms.CharField(label="Password", widget=forms.PasswordInput)
    handover = forms.BooleanField(label="Tell the next shift", required=False)


def controls(html: str) -> list[dict[str, str]]:
    found = re.findall(r"<(?:input|textarea|select)\b([^>]*)>", html)
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', attributes)) for attributes in found]


def test_form_gives_every_control_a_class_of_the_design_system() -> None:
    html = CareForm().render()

    bare = [control for control in controls(html) if not control.get("class", "").startswith("nhsuk-")]
    assert bare == []


def test_form_leaves_validation_to_the_server() -> None:
    html = CareForm().render()

    assert not re.search(r"\s(required|maxlength|minlength)(=|\s|>)", html)


def test_form_names_every_control() -> None:
    html = CareForm().render()
    labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', html))

    unnamed = [c["id"] for c in controls(html) if c["id"] not in labelled and "aria-label" not in c]
    assert unnamed == []


def test_form_groups_choices_in_a_fieldset_with_a_legend() -> None:
    html = str(CareForm()["kind"].as_field_group())

    assert re.search(r'<fieldset class="nhsuk-fieldset">\s*<legend class="nhsuk-fieldset__legend">Kind</legend>', html)
    assert html.count('class="nhsuk-radios__input"') == 2


def test_form_says_which_fields_may_stay_empty() -> None:
    form = CareForm()

    assert "Room (optional)" in str(form["room"].as_field_group())
    assert "(optional)" not in str(form["body"].as_field_group())


def test_form_that_asks_for_nothing_marks_nothing_as_optional() -> None:
    class Filter(forms.Form):
        default_renderer = NhsukRenderer
        person = forms.CharField(required=False)

    html = Filter().render()

    assert "(optional)" not in html


def test_form_ties_hint_and_error_to_the_control() -> None:
    html = str(CareForm({})["body"].as_field_group())

    assert 'aria-describedby="id_body_helptext id_body_error"' in html
    assert 'id="id_body_helptext"' in html
    assert 'id="id_body_error"' in html
    assert "nhsuk-form-group--error" in html
    assert "nhsuk-textarea--error" in html


def test_error_summary_links_to_a_control_that_exists() -> None:
    form = CareForm({})
    html = form.render()

    targets = re.findall(r'<li><a href="#([^"]+)"', html)
    assert len(targets) == len(form.errors)
    assert {target for target in targets if f'id="{target}"' not in html} == set()


def test_error_summary_of_an_unsent_form_is_empty() -> None:
    assert error_summary(CareForm()) == []
    assert "nhsuk-error-summary" not in CareForm().render()


def test_error_summary_says_what_to_do_rather_than_that_a_field_is_required() -> None:
    messages = [message for message, _target in error_summary(CareForm({}))]

    assert "Fill this in: Note" in messages
    assert "Choose an answer: Kind" in messages
    assert not any("required" in message for message in messages)


def test_error_summary_keeps_the_form_s_own_words() -> None:
    class Pin(forms.Form):
        default_renderer = NhsukRenderer
        pin = forms.CharField(error_messages={"required": "Enter your 6-digit PIN"})

    assert error_summary(Pin({})) == [("Enter your 6-digit PIN", "id_pin")]


def test_error_summary_points_errors_of_the_whole_form_at_its_first_control() -> None:
    form = CareForm({})
    form.add_error(None, "That PIN is not right. Try again")

    assert error_summary(form)[0] == ("That PIN is not right. Try again", "id_body")


def test_form_escapes_what_was_typed() -> None:
    html = CareForm({"body": "</textarea><script>alert(1)</script>"}).render()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_form_never_gives_a_password_back() -> None:
    html = CareForm({"password": "correct horse battery"}).render()

    assert "correct horse battery" not in html


@pytest.mark.parametrize(
    ("field", "kind"),
    [("happened_at", "datetime-local"), ("seen_at", "date"), ("file", "file"), ("password", "password")],
)
def test_form_asks_for_each_kind_of_answer_with_its_own_control(field: str, kind: str) -> None:
    first = controls(str(CareForm()[field].as_field_group()))[0]

    assert first["type"] == kind


def test_form_shows_a_moment_in_the_home_s_own_time() -> None:
    summer = dt.datetime(2026, 5, 12, 13, 5, tzinfo=dt.UTC)

    with timezone.override("Europe/London"):
        html = str(CareForm(initial={"happened_at": summer})["happened_at"].as_field_group())

    assert 'value="2026-05-12T14:05"' in html


def test_form_reads_back_the_moment_it_showed() -> None:
    class When(forms.Form):
        default_renderer = NhsukRenderer
        at = forms.DateTimeField()

    form = When({"at": "2026-05-12T14:05"})

    with timezone.override("Europe/London"):
        valid = form.is_valid()
    assert valid
    assert form.cleaned_data["at"] == dt.datetime(2026, 5, 12, 13, 5, tzinfo=dt.UTC)


def test_form_leaves_other_forms_of_its_class_alone() -> None:
    first, second = CareForm(), CareForm()

    first.render()

    assert "class" not in second.fields["body"].widget.attrs
    assert second.fields["room"].widget.attrs["maxlength"] == "4"


def test_form_keeps_a_class_that_the_widget_already_has() -> None:
    class Short(forms.Form):
        default_renderer = NhsukRenderer
        amount = forms.CharField(widget=forms.TextInput(attrs={"class": "nhsuk-input--width-4"}))

    control: dict[str, Any] = controls(Short().render())[0]

    assert control["class"].split() == ["nhsuk-input", "nhsuk-input--width-4"]
