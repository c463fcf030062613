"""Putting a model under django-auditlog's watch, with its own columns only.

Left to itself auditlog also looks at reverse relations, at the price of a query for each; those have rows of their own.
"""

from collections.abc import Collection

from auditlog.registry import auditlog
from django.db import models


def watch(model: type[models.Model], *, leave_out: Collection[str] = ()) -> None:
    """Every change of the model becomes a sealed entry; leave_out: fields whose values are secrets or digests."""
    names = [field.name for field in model._meta.concrete_fields if field.name not in leave_out]
    auditlog.register(model, include_fields=names)
