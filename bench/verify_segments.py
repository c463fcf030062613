"""The standalone verifier over a segment, against the raw SHA-256 loop over the same bytes.

The baseline does what nobody can do without: SHA-256 of every entry's bytes, already cut into pieces in memory, one
call each. The verifier also reads the file, cuts it, and hashes chain, tree and trailer. A second baseline makes the
three hashes per entry that the format asks for (leaf, link, node), again over pieces that are ready.
"""

import argparse
import hashlib
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from bench import harness

ORGANISATION = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Signer:
    """A key of the benchmark's own."""

    name = "bench"

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.generate()
        self.public_key_bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def canonical_entry(seq: int, home: UUID, resident: UUID) -> bytes:
    """An entry as the application writes most of them: a view of one resident on a device."""
    from audit.canonical import EntryBody, canonical

    at = datetime(2026, 5, 12, tzinfo=UTC) + timedelta(milliseconds=seq)
    return canonical(
        EntryBody(
            organisation_id=ORGANISATION,
            seq=seq,
            event_id=UUID(int=seq),
            at=at,
            kind="view",
            actor=f"staff:{resident}",
            action="records.resident.viewed",
            subject=f"resident:{resident}",
            device=f"device:{home}",
            care_home_id=home,
            residents=[resident],
            commitment=hashlib.sha256(seq.to_bytes(8, "big")).digest(),
            sealed_at=at,
            count=1,
        )
    )


def write_segment(path: Path, entries: int) -> list[bytes]:
    """A signed segment; returns its entries as hashed."""
    from audit import containers, notes

    signer, home, resident = Signer(), uuid4(), uuid4()
    pieces = []
    with path.open("wb") as stream:
        writer = containers.Writer(
            stream,
            kind="segment",
            organisation_id=ORGANISATION,
            signer=signer,
            keys=[signer.public_key_bytes],
            about={},
        )
        for seq in range(1, entries + 1):
            body = canonical_entry(seq, home, resident)
            pieces.append(b"\x00" + body)
            writer.show(containers.Shown(seq, body, hashlib.sha256(pieces[-1]).digest()))
        writer.flush()
        checkpoint = notes.CheckpointBody(f"bench/{ORGANISATION}", entries, writer.tree.root(), writer.digest)
        text = checkpoint.text()
        writer.finish(
            notes.sign(text, name="bench", public_key=signer.public_key_bytes, signature=signer.sign(text.encode()))
        )
    return pieces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (9)")
    parser.add_argument("--acts", type=int, default=1, help="whole passes in a round (1)")
    parser.add_argument("--entries", type=int, default=500_000, help="entries in the segment (500,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment.ledger"
        pieces = write_segment(path, options.entries)
        results = harness.measure(_cases(path, pieces), rounds=options.rounds, acts=options.acts, warm_up=1)
        size = sum(map(len, pieces)) / len(pieces)
        title = (
            f"standalone verification of {options.entries} entries ({size:.0f} bytes each), {os.cpu_count()}"
            " processors; speed against the raw loop = 1 / ratio"
        )
        harness.report(title, results, as_json=options.json)
        for result in results[1:]:
            print(f"{result.name}: {1 / result.ratio:.2f} of the raw loop's speed")


def _cases(path: Path, pieces: list[bytes]) -> list[harness.Case]:
    from audit.verify import files

    def raw() -> None:
        sha256 = hashlib.sha256
        for piece in pieces:
            sha256(piece).digest()

    def raw_three() -> None:
        sha256, digest = hashlib.sha256, bytes(32)
        for piece in pieces:
            leaf = sha256(piece).digest()
            digest = sha256(digest + leaf).digest()
            sha256(b"\x01" + digest + leaf).digest()

    def verify(processes: int) -> None:
        with path.open("rb") as stream:
            report = files.check(stream, path=str(path), processes=processes)
        assert report.problem is None
        assert report.entries == len(pieces)

    return [
        harness.Case("raw SHA-256 of each entry", raw),
        harness.Case("raw SHA-256 of leaf, link and node", raw_three),
        harness.Case("verifier, one process", lambda: verify(1)),
        harness.Case("verifier, two processes", lambda: verify(2)),
    ]


if __name__ == "__main__":
    main()
