"""The making of an evidence pack: contents in, ZIP out. Pure; the same contents and key give the same bytes.

A pack has exactly one form, which verify.py holds it to: entries stored without compression and sorted by name, fixed
times, no extra fields. The manifest lists every other file but its own signature; the signature covers the manifest.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compliance.dspt.collectors import Collected
from compliance.packs import answers, verify
from compliance.packs.contents import Contents
from compliance.packs.report import report

GATHER, ANSWERS, REPORT, EVIDENCE, SIGN = STEPS = (
    "Reading the evidence",
    "Writing the answers",
    "Writing the report",
    "Adding the evidence and the ledger's checkpoint",
    "Signing the pack",
)


def build(contents: Contents, *, sign: Callable[[bytes], bytes], step: Callable[[str], None]) -> bytes:
    """The bytes of the pack.

    sign: gives the 64 bytes of an Ed25519 signature by `contents.signer`.
    step: told the name of each step as it begins; GATHER is the caller's own.
    """
    fingerprint = key_fingerprint(contents.signer.public_key)
    step(ANSWERS)
    files = _answers(contents)
    step(REPORT)
    files["report.pdf"] = report(contents, fingerprint)
    step(EVIDENCE)
    files |= {f"evidence/{row.name}.json": verify.canonical(_evidence(row, contents)) for row in contents.collected}
    files |= {f"evidence/reports/{name}.xlsx": data for name, data in contents.reports.items()}
    files["ledger/checkpoint.txt"] = contents.checkpoint.encode()
    files["verify.py"] = Path(verify.__file__).read_bytes()
    files["README.txt"] = _readme(contents, fingerprint).encode()
    step(SIGN)
    manifest = verify.canonical(_manifest(contents, files))
    files[verify.MANIFEST] = manifest
    files[verify.SIGNATURE] = base64.b64encode(sign(manifest)) + b"\n"
    return container(files)


def container(files: Mapping[str, bytes]) -> bytes:
    """The files as a ZIP in the one form that a pack has."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = verify.PLAIN_FILE
            archive.writestr(entry, files[name])
    return packed.getvalue()


def key_fingerprint(public_key: bytes) -> str:
    """SHA-256 of the 32 raw bytes, in hexadecimal: short enough to be read out over the telephone."""
    return hashlib.sha256(public_key).hexdigest()


def _answers(contents: Contents) -> dict[str, bytes]:
    body = list(answers.rows(contents.assessment, contents.names))
    title = f"DSPT {contents.assessment.edition.key}"
    return {
        "answers.csv": answers.as_csv([heading for heading, _ in answers.COLUMNS], body),
        "answers.xlsx": answers.as_workbook(title, answers.COLUMNS, body, contents.created_at),
    }


def _evidence(collected: Collected, contents: Contents) -> dict[str, Any]:
    finding = collected.finding
    return {
        "collector": collected.name,
        "title": collected.title,
        "verdict": finding.verdict.value,
        "statement": finding.statement,
        "sources": list(finding.sources),
        "seen_at": finding.seen_at.isoformat() if finding.seen_at else None,
        "period": {"since": collected.period.since.isoformat(), "until": collected.period.until.isoformat()},
        "items": [item.ref for item in contents.assessment.edition.items if item.collector == collected.name],
    }


def _manifest(contents: Contents, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "format": verify.FORMAT,
        "organisation": {name: asdict(contents.profile)[name] for name in ("code", "name", "ods_code")},
        "edition": contents.assessment.edition.key,
        "created_at": contents.created_at.isoformat(),
        "signer": {
            "key_id": contents.signer.key_id,
            "algorithm": "Ed25519",
            "public_key": base64.b64encode(contents.signer.public_key).decode(),
        },
        "files": [
            {"name": name, "size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
            for name in sorted(files)
        ],
    }


def _readme(contents: Contents, fingerprint: str) -> str:
    edition = contents.assessment.edition
    return f"""Evidence pack: {contents.profile.name}, DSPT {edition.key}

What is in it
  report.pdf             where the organisation stands, item by item, with the gaps
  answers.csv, .xlsx     the answers in the order of the toolkit, to copy from
  evidence/              what the system found, with the sources, one file for each check
  evidence/reports/      the reports of the last 12 months as workbooks; they name staff, and no resident
  ledger/checkpoint.txt  the signed state of the audit ledger when the pack was made
  manifest.json, .sig    a list of all files with their SHA-256, and its signature
  verify.py              checks all of this

The pack holds no information about residents.

How to check it
  Do not unpack the ZIP first. With Python 3.8 or newer:
    python verify.py PACK.zip --fingerprint "FINGERPRINT"
  Exit code 0 means good, 1 names what is wrong, 2 means that the check could not be made.
  A verify.py that comes with a pack is only as good as the pack. If you have to be sure, use a copy that you got
  earlier or from somebody else; it works for every pack.

How to know who signed it
  The signature proves that nothing changed since the holder of the key inside the pack signed it. It does not say
  who holds that key. So ask the care home for the fingerprint, by telephone or in a printed letter, and give it to
  verify.py. It has to be the one printed in report.pdf and here:
    {verify.spaced(fingerprint)}
"""
