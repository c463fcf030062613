"""How every form is drawn: Django's own renderer, with the design system's markup.

`{{ form }}` gives the error summary and every field; `{{ form.body.as_field_group }}` gives one. Forms stay plain
Django forms and know nothing of this. The browser's own validation is switched off, so that people read our words.
"""

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

TEXT_CLASS = "nhsuk-input"
DEFAULT_ROWS = "10"  # Django's default height of a text area, taller than a note needs


class NhsukRenderer(TemplatesSetting):
    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> SafeString:
        if template_name == self.form_template_name:
            context = {**context, "summary": error_summary(context["form"])}
        elif template_name == self.field_template_name:
            context = {**context, **dressed(context["field"])}
        return SafeString(super().render(template_name, context, request))


def error_summary(form: forms.BaseForm) -> list[tuple[str, str]]:
    """(message, id of the control it is about) of each error; errors of the whole form point at the first control."""
    if not form.is_bound:
        return []
    visible = form.visible_fields()
    first = target_id(visible[0]) if visible else ""
    general = [(str(message), first) for message in form.non_field_errors()]
    hidden = [(str(message), first) for field in form.hidden_fields() for message in field.errors]
    return general + hidden + [(message, target_id(field)) for field in visible for message in error_messages(field)]


def error_messages(field: BoundField) -> list[str]:
    """The field's errors in words that say what to do; Django's bare "This field is required." names nothing."""
    messages: list[str] = []
    for error in field.errors.as_data():
        if error.code == "required" and error.message == forms.Field.default_error_messages["required"]:
            words = _("Choose an answer: %(label)s") if _is_choice(field.field.widget) else _("Fill this in: %(label)s")
            messages.append(words % {"label": field.label})
        else:
            messages.extend(str(message) for message in error.messages)
    return messages


def _is_choice(widget: forms.Widget) -> bool:
    return isinstance(widget, (forms.Select, forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple))


def target_id(field: BoundField) -> str:
    """The id of the control that takes the focus: of a group, its first."""
    widget = field.field.widget
    if isinstance(widget, forms.MultiWidget):
        return f"{field.auto_id}_0"
    if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return f"{field.auto_id}_0"
    return field.auto_id or ""


def dressed(field: BoundField) -> dict[str, Any]:
    """What the field template needs: which shape the field has, and its control with the library's classes."""
    widget = field.field.widget
    # Both belong to this form alone: Django copies fields and widgets for each form made.
    field.form.use_required_attribute = False
    shape = _shape(widget)
    for control in widget.widgets if isinstance(widget, forms.MultiWidget) else [widget]:
        _adapt(control)
    if isinstance(widget, forms.SplitDateTimeWidget):
        widget.widgets[0].attrs.setdefault("aria-label", _("Date"))
        widget.widgets[1].attrs.setdefault("aria-label", _("Time"))
    if field.errors:
        _mark(widget)
    optional = not field.field.required and shape != "checkbox" and _asks_for_something(field.form)
    return {"shape": shape, "optional": optional, "error_messages": error_messages(field)}


def _shape(widget: forms.Widget) -> str:
    if isinstance(widget, forms.RadioSelect):
        return "radios"
    if isinstance(widget, forms.CheckboxSelectMultiple):
        return "checkboxes"
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    if isinstance(widget, forms.FileInput):
        return "file"
    if isinstance(widget, forms.PasswordInput):
        return "password"
    return "group" if isinstance(widget, forms.MultiWidget) else "control"


def _adapt(widget: forms.Widget) -> None:
    """Give the control the library's class and the input type of what it holds; drop the browser's length limit."""
    widget.attrs.pop("maxlength", None)
    widget.attrs.pop("minlength", None)
    if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return
    if isinstance(widget, forms.CheckboxInput):
        _add_class(widget, "nhsuk-checkboxes__input")
    elif isinstance(widget, forms.FileInput):
        _add_class(widget, "nhsuk-file-upload__input")
    elif isinstance(widget, forms.Textarea):
        _add_class(widget, "nhsuk-textarea")
        widget.attrs.pop("cols", None)
        if widget.attrs.get("rows") == DEFAULT_ROWS:
            widget.attrs["rows"] = "6"
    elif isinstance(widget, forms.Select):
        _add_class(widget, "nhsuk-select")
    else:
        _add_class(widget, TEXT_CLASS)
    if isinstance(widget, forms.DateTimeInput):
        widget.input_type, widget.format = "datetime-local", "%Y-%m-%dT%H:%M"
    elif isinstance(widget, forms.DateInput):
        widget.input_type, widget.format = "date", "%Y-%m-%d"
    elif isinstance(widget, forms.TimeInput):
        widget.input_type, widget.format = "time", "%H:%M"
    elif isinstance(widget, forms.PasswordInput):
        _add_class(widget, "nhsuk-password-input__input nhsuk-js-password-input-input")
        widget.attrs.setdefault("spellcheck", "false")
        widget.attrs.setdefault("autocapitalize", "none")


def _mark(widget: forms.Widget) -> None:
    """The error state of a control."""
    for control in widget.widgets if isinstance(widget, forms.MultiWidget) else [widget]:
        kind = {forms.Textarea: "nhsuk-textarea", forms.Select: "nhsuk-select"}
        base = next((css for cls, css in kind.items() if isinstance(control, cls)), TEXT_CLASS)
        if base in str(control.attrs.get("class", "")).split():
            _add_class(control, f"{base}--error")


def _add_class(widget: forms.Widget, css: str) -> None:
    classes = str(widget.attrs.get("class", "")).split()
    widget.attrs["class"] = " ".join([*(word for word in css.split() if word not in classes), *classes])


def _asks_for_something(form: forms.BaseForm) -> bool:
    """Only beside a field that must be filled is "(optional)" worth saying; a filter asks for nothing."""
    return any(field.required for field in form.fields.values())
