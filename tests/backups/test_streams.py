import io

import pyrage
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import x25519

from backups.errors import DataDamaged, WrongIdentity
from backups.streams import seal, unseal

KEY = x25519.Identity.generate()
CHUNK = 64 * 1024  # bytes of one age chunk, plus 16 of its tag


def sealed(content: bytes) -> bytes:
    sink = io.BytesIO()
    seal(io.BytesIO(content), sink, [KEY.to_public()])
    return sink.getvalue()


def noise(count: int) -> bytes:
    import random

    return random.Random(count).randbytes(count)


LONG = noise(5 * CHUNK)
LONG_SEALED = sealed(LONG)


class FullDisk(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        raise OSError(28, "No space left on device")


class BrokenSource(io.RawIOBase):
    def readable(self):
        return True

    def read(self, size=-1):
        raise ValueError("the source broke")


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=300_000))
def test_unseal_gives_back_what_was_sealed(content):
    sink = io.BytesIO()

    written, _ = unseal(io.BytesIO(sealed(content)), sink, [KEY])

    assert sink.getvalue() == content
    assert written == len(content)


def test_seal_makes_what_age_and_zstd_open_by_themselves():
    assert zstandard.ZstdDecompressor().decompressobj().decompress(pyrage.decrypt(LONG_SEALED, [KEY])) == LONG


def test_seal_tells_sizes_and_digest_of_what_it_wrote():
    import hashlib

    sink = io.BytesIO()

    read, written, sha256 = seal(io.BytesIO(LONG), sink, [KEY.to_public()])

    assert (read, written) == (len(LONG), len(sink.getvalue()))
    assert sha256 == hashlib.sha256(sink.getvalue()).hexdigest()


def test_seal_raises_what_the_sink_raised():
    with pytest.raises(OSError, match="No space left") as caught:
        seal(io.BytesIO(LONG), FullDisk(), [KEY.to_public()])

    assert caught.value.errno == 28


def test_seal_raises_what_the_source_raised():
    with pytest.raises(ValueError, match="the source broke"):
        seal(BrokenSource(), io.BytesIO(), [KEY.to_public()])


def test_unseal_refuses_another_identity():
    with pytest.raises(WrongIdentity):
        unseal(io.BytesIO(LONG_SEALED), io.BytesIO(), [x25519.Identity.generate()])


@pytest.mark.parametrize("length", [0, 10, 200, CHUNK, 3 * CHUNK, -1])
def test_unseal_notices_a_cut(length):
    with pytest.raises(DataDamaged):
        unseal(io.BytesIO(LONG_SEALED[:length]), io.BytesIO(), [KEY])


def test_unseal_notices_a_cut_at_a_chunk_boundary():
    header = LONG_SEALED.index(b"\n---") + 4
    header = LONG_SEALED.index(b"\n", header) + 1 + 16  # the header's MAC line, then the payload's nonce

    with pytest.raises(DataDamaged):
        unseal(io.BytesIO(LONG_SEALED[: header + 2 * (CHUNK + 16)]), io.BytesIO(), [KEY])


def test_unseal_notices_chunks_in_another_order():
    header = LONG_SEALED.index(b"\n---") + 4
    start = LONG_SEALED.index(b"\n", header) + 1 + 16
    step = CHUNK + 16
    first, second = LONG_SEALED[start : start + step], LONG_SEALED[start + step : start + 2 * step]

    with pytest.raises(DataDamaged):
        unseal(io.BytesIO(LONG_SEALED[:start] + second + first + LONG_SEALED[start + 2 * step :]), io.BytesIO(), [KEY])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(LONG_SEALED) - 1), st.integers(0, 7))
def test_unseal_notices_any_flipped_bit(position, bit):
    damaged = bytearray(LONG_SEALED)
    damaged[position] ^= 1 << bit

    with pytest.raises((DataDamaged, WrongIdentity)):
        unseal(io.BytesIO(bytes(damaged)), io.BytesIO(), [KEY])


def test_unseal_notices_bytes_after_the_end():
    with pytest.raises(DataDamaged):
        unseal(io.BytesIO(LONG_SEALED + b"more"), io.BytesIO(), [KEY])


def test_unseal_raises_what_the_sink_raised():
    with pytest.raises(OSError, match="No space left"):
        unseal(io.BytesIO(LONG_SEALED), FullDisk(), [KEY])


def test_unseal_passes_nothing_on_from_a_chunk_that_does_not_hold():
    damaged = bytearray(LONG_SEALED)
    damaged[len(damaged) // 2] ^= 1
    sink = io.BytesIO()

    with pytest.raises(DataDamaged):
        unseal(io.BytesIO(bytes(damaged)), sink, [KEY])

    assert LONG.startswith(sink.getvalue())
    assert len(sink.getvalue()) < len(LONG)
