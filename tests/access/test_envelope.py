"""Encryption of values, keys under keys, and what is refused."""

from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from access import envelope, keys
from access.errors import EnvelopeTampered, KeyUnavailable, WrappingKeyMissing, WrongKey, WrongWrappingKey
from access.key_purposes import Purpose
from access.models import DataKey
from access.wrapping import FileWrappingKey

RAW = bytes(range(32))
CIPHER, KEY = AESGCM(RAW), uuid4()
PLACE = envelope.place(uuid4(), "records_resident", "first_name", uuid4())


@given(st.binary(max_size=300))
def test_open_sealed_gives_back_what_was_sealed(plaintext):
    sealed = envelope.seal(CIPHER, KEY, plaintext, PLACE)

    assert envelope.open_sealed(CIPHER, KEY, sealed, PLACE) == plaintext
    assert plaintext == b"" or plaintext not in sealed or len(plaintext) < 4


@given(st.integers(0, 8 * (1 + 16 + 12 + 5 + 16) - 1))
def test_open_sealed_refuses_any_flipped_bit(bit):
    sealed = bytearray(envelope.seal(CIPHER, KEY, b"Penny", PLACE))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises((EnvelopeTampered, WrongKey)):
        envelope.open_sealed(CIPHER, KEY, bytes(sealed), PLACE)


def test_open_sealed_refuses_a_value_moved_elsewhere():
    sealed = envelope.seal(CIPHER, KEY, b"Ada", PLACE)

    with pytest.raises(EnvelopeTampered):
        envelope.open_sealed(CIPHER, KEY, sealed, envelope.place(uuid4(), "records_resident", "first_name", uuid4()))


def test_blind_index_differs_by_kind_and_key():
    made = {
        envelope.blind_index(key, kind, "9434765919")
        for key in (RAW, bytes(32))
        for kind in ("resident.nhs_number", "staff.email")
    }

    assert len(made) == 4


def test_each_resident_has_a_key_of_their_own(world):
    ada, iris = world.admit(), world.admit(first_name="Iris", room="5")

    first, second = (keys.key_for(world.organisation.pk, resident.pk) for resident in (ada, iris))

    assert first.id != second.id
    assert DataKey.objects.filter(purpose=Purpose.RESIDENT).count() == 2


def test_destroyed_key_opens_nothing_any_more(world, resident):
    from audit.reading import collecting
    from records.models import Resident

    DataKey.objects.filter(subject_id=resident.pk).update(wrapped=None, destroyed_at=resident.created_at)
    keys.forget()

    with collecting():
        found = Resident.objects.get(pk=resident.pk)
    with pytest.raises(KeyUnavailable):
        _ = found.first_name


def test_wrapped_keys_do_not_open_under_another_wrapping_key(world, settings, tmp_path):
    other = tmp_path / "wrapping.key"
    other.write_text("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    settings.WRAPPING_KEY_FILE = other
    row = DataKey.objects.get(purpose=Purpose.ORGANISATION)

    with pytest.raises(WrongWrappingKey):
        FileWrappingKey().unwrap(bytes(row.wrapped), b"any")


@pytest.mark.parametrize("content", [None, "", "not base64 !", "c2hvcnQ="])
def test_wrapping_key_file_that_is_none_stops(settings, tmp_path, content):
    settings.WRAPPING_KEY_FILE = tmp_path / "wrapping.key"
    if content is not None:
        settings.WRAPPING_KEY_FILE.write_text(content)

    with pytest.raises(WrappingKeyMissing):
        FileWrappingKey()
