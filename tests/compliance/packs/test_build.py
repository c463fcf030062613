import base64
import dataclasses
import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.dspt import collectors
from compliance.dspt.assessment import Standing, assess
from compliance.dspt.collectors import Collected, Finding, Period, Verdict
from compliance.dspt.edition import EDITIONS, load
from compliance.packs import verify
from compliance.packs.build import STEPS, build, key_fingerprint
from compliance.packs.contents import Contents, Home, Profile, SignerKey

KEY = Ed25519PrivateKey.from_private_bytes(b"carehome test key for packs 0002")
PUBLIC = KEY.public_key().public_bytes_raw()
KNOWN = collectors.names()
EDITION = load((EDITIONS / "2025-26.toml").read_text(encoding="utf-8"), known=KNOWN)
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture
def contents():
    finding = Finding.met_if(True, "1 of 1 restore drills met the time.", sources=["restore_drill:1"], seen_at=AT)
    standing = Standing("<b>Yes</b> & Tŷ\nround", "staff:a", AT, date(2027, 5, 1), Verdict.MET)
    findings = {"backups.restore-drills": finding}
    return Contents(
        profile=Profile(
            "rose", "Rosebank Care <Ŵyn> & Co", "A1B2", "Z1234567", (Home("Rosebank House", "1-123456789"),)
        ),
        assessment=assess(EDITION, findings=findings, standings={"7.3.5": standing}, today=AT.date()),
        collected=(Collected("backups.restore-drills", "Backup restored in test", finding, Period.year_before(AT)),),
        names={"staff:a": "Ann Łee"},
        checkpoint="carehome.example/ledger/1\n7\nroot\n\n— carehome.example/ledger sig\n",
        requested_by="Marta Kowalska",
        created_at=AT,
        signer=SignerKey("0123456789abcdef", PUBLIC),
    )


def made(contents, steps=None):
    return build(contents, sign=KEY.sign, step=(steps if steps is not None else []).append)


def read(data, name):
    return zipfile.ZipFile(io.BytesIO(data)).read(name)


def test_build_makes_a_pack_that_verifies(contents):
    report = verify.check(made(contents), key_fingerprint(PUBLIC))

    assert report.problems == []
    assert report.about["organisation"]["name"] == "Rosebank Care <Ŵyn> & Co"


def test_build_holds_the_files_that_the_readme_names(contents):
    names = zipfile.ZipFile(io.BytesIO(made(contents))).namelist()

    assert names == [
        "README.txt",
        "answers.csv",
        "answers.xlsx",
        "evidence/backups.restore-drills.json",
        "ledger/checkpoint.txt",
        "manifest.json",
        "manifest.sig",
        "report.pdf",
        "verify.py",
    ]


def test_build_gives_the_same_bytes_for_the_same_contents(contents):
    assert made(contents) == made(contents)


def test_build_gives_other_bytes_when_the_time_is_another(contents):
    assert made(contents) != made(dataclasses.replace(contents, created_at=AT.replace(minute=1)))


def test_build_tells_its_steps_in_order(contents):
    steps = []

    made(contents, steps)

    assert steps == list(STEPS[1:])


def test_build_signs_the_manifest_as_it_is_stored(contents):
    data = made(contents)
    signature = base64.b64decode(read(data, "manifest.sig"))

    KEY.public_key().verify(signature, read(data, "manifest.json"))


def test_build_keeps_each_findings_sources(contents):
    evidence = json.loads(read(made(contents), "evidence/backups.restore-drills.json"))

    assert evidence["sources"] == ["restore_drill:1"]
    assert (evidence["verdict"], evidence["items"]) == ("met", ["7.3.5"])
    assert evidence["period"]["until"] == AT.isoformat()


def test_build_puts_the_fingerprint_where_people_read_it(contents):
    shown = verify.spaced(key_fingerprint(PUBLIC))

    assert shown in read(made(contents), "README.txt").decode()


def test_build_makes_a_report_of_several_pages_with_the_fonts_inside(contents):
    pdf = read(made(contents), "report.pdf")

    assert pdf.startswith(b"%PDF-1.")
    assert pdf.count(b"/Type /Page\n") >= 10 or pdf.count(b"/Type /Page ") >= 10
    assert b"AtkinsonHyperlegibleNext-Bold" in pdf


def test_build_packs_the_verifier_that_is_tested_here(contents):
    with open(verify.__file__, "rb") as file:
        assert read(made(contents), "verify.py") == file.read()
