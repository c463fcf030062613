"""Model fields that are ciphertext in the database and clear text on the instance.

A value is bound to its organisation, table, column and row, and sealed under the key of `instance.encryption_subject`
(a resident's id) or, where that is None, the organisation's. It opens when first looked at, so a list that shows no
notes decrypts none. `update()` and lookups cannot work on ciphertext and raise.
"""

import json
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from access import envelope, keys


class Sealed(bytes):
    """A ciphertext as the database gave it, not yet opened."""


class _Opening(DeferredAttribute):
    field: "EncryptedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname, self)
        if value is self:
            value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = self.field.opened(instance, value)
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.Field):  # type: ignore[type-arg]
    """Text of any length, encrypted at rest."""

    description = "Encrypted text"
    descriptor_class = _Opening
    empty_strings_allowed = True

    def db_type(self, connection: Any) -> str:
        return "bytea"

    def get_internal_type(self) -> str:
        return "BinaryField"

    def to_bytes(self, value: Any) -> bytes:
        return str(value).encode()

    def to_value(self, plaintext: bytes) -> Any:
        return plaintext.decode()

    def opened(self, instance: Any, sealed: bytes) -> Any:
        """Raises KeyUnavailable after an erasure, EnvelopeTampered when altered or moved."""
        key = keys.by_id(instance.organisation_id, envelope.key_id(sealed))
        return self.to_value(envelope.open_sealed(key.cipher, key.id, sealed, self._place(instance)))

    def _place(self, instance: Any) -> bytes:
        return envelope.place(instance.organisation_id, self.model._meta.db_table, str(self.column), instance.pk)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        key = keys.key_for(model_instance.organisation_id, model_instance.encryption_subject)
        return Sealed(envelope.seal(key.cipher, key.id, self.to_bytes(value), self._place(model_instance)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise FieldError(f"{self.name} is encrypted: save the instance instead of using update() or a filter.")
        return connection.Database.Binary(bytes(value))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: find it through its blind index.")
        return super().get_lookup(lookup_name)

    def value_to_string(self, obj: Any) -> str:
        raise FieldError(f"{self.name} is encrypted and is not serialised.")

    def to_python(self, value: Any) -> Any:
        return value


class EncryptedJSONField(EncryptedTextField):
    """A JSON value, encrypted at rest."""

    description = "Encrypted JSON"

    def to_bytes(self, value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()

    def to_value(self, plaintext: bytes) -> Any:
        return json.loads(plaintext)
