#!/usr/bin/env python3
"""Check an evidence pack: python verify.py PACK.zip [--fingerprint HEX] [--json]

Needs Python 3.8 or newer and nothing else. It reads the pack and changes nothing.

Exit code 0: the pack is whole and was signed by the key shown.
Exit code 1: something is wrong; every file that is altered, missing or not listed is named.
Exit code 2: the check could not be made (not a ZIP file, unreadable, wrong usage).

The container is checked as strictly as the contents. A pack has exactly one form: entries stored without compression,
sorted by name, one after the other, with a fixed time and no extra fields. So there is no byte in it that may change
unseen, and no room for the usual tricks with ZIP files (two entries of one name, names that climb out of the folder,
links, encrypted entries, sizes that lie).
"""

import argparse
import base64
import binascii
import hashlib
import json
import struct
import sys

FORMAT = "carehome-evidence-pack/1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
MOST_BYTES = 512 * 1024 * 1024
MOST_FILES = 5000

# Ed25519, RFC 8032 section 5.1. Verification handles no secret, so it need not run in constant time.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def _add(a, b):
    """Sum of two points in extended coordinates (section 5.1.4)."""
    p, q = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    r, s = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number, point):
    result = NEUTRAL
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def _same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _decode(encoded):
    """The point of 32 bytes (section 5.1.3), or None if they are not the canonical encoding of one."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT % P
    if (x * x - xx) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = _decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public_key, message, signature):
    """Whether the signature is good (section 5.1.7, without the cofactor).

    Refuses what some libraries let pass: S ≥ L, points that are not canonically encoded, keys of small order.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = _decode(public_key), _decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or _same(_times(8, a), NEUTRAL):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    return _same(_times(s, BASE), _add(r, _times(k, a)))


class NotAPack(Exception):
    """The file cannot be read as a ZIP file at all."""


class Report:
    """What was found. `problems` is a list of (file name, what is wrong), in the order found."""

    def __init__(self):
        self.problems, self.files, self.about, self.fingerprint, self.pinned = [], 0, {}, None, False

    def add(self, name, problem):
        if (name, problem) not in self.problems:
            self.problems.append((name, problem))

    def as_json(self):
        return {
            "ok": not self.problems,
            "files": self.files,
            "fingerprint": self.fingerprint,
            "fingerprint_compared": self.pinned,
            "problems": [{"file": name, "problem": problem} for name, problem in self.problems],
            **self.about,
        }


LOCAL, CENTRAL, END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
CONTAINER = "(the ZIP container)"
TIME, DATE = 0, 33  # 1 January 1980, 00:00
NAME_IS_UTF8 = 0x0800
PLAIN_FILE = 0o100644 << 16
MADE_BY = (3 << 8) | 20  # Unix, ZIP 2.0


def read_container(data, report):
    """The contents by name of a pack's ZIP file; whatever is not as a pack has it goes into the report."""
    end_at = len(data) - END.size
    if end_at < 0 or data[end_at : end_at + 4] != b"PK\5\6":
        if data[:4] == b"PK\3\4" or b"PK\5\6" in data[-70000:]:
            report.add(CONTAINER, "is cut short, has something added at its end, or its directory is damaged")
            return {}
        raise NotAPack("this is not a ZIP file")
    disk, start_disk, here, total, size, start, comment = END.unpack_from(data, end_at)[1:]
    if disk or start_disk or comment or here != total or start + size != end_at or total > MOST_FILES:
        report.add(CONTAINER, "has a directory that does not fit the file")
        return {}
    contents: dict = {}
    seen, at, expected_offset, last = set(), start, 0, ""
    for _ in range(total):
        if at + CENTRAL.size > end_at or data[at : at + 4] != b"PK\1\2":
            report.add(CONTAINER, "has a damaged directory")
            return contents
        head = CENTRAL.unpack_from(data, at)
        made, needs, flags, method, time, date, crc, packed, length, name_len, extra_len, note_len = head[1:13]
        disk, internal, external, offset = head[13:]
        raw = data[at + CENTRAL.size : at + CENTRAL.size + name_len]
        at += CENTRAL.size + name_len + extra_len + note_len
        name = raw.decode("ascii", "backslashreplace")
        before = len(report.problems)
        if flags & 1:
            report.add(name, "is encrypted; a pack holds no encrypted files")
        if (external >> 16) & 0o170000 == 0o120000:
            report.add(name, "is a link; a pack holds plain files only")
        if not _safe(name, raw):
            report.add(name, "has a name that a pack may not use")
        if name.lower() in seen:
            report.add(name, "is in the pack twice")
        if method != 0 or packed != length:
            report.add(name, "is compressed or has two different sizes; a pack stores its files as they are")
        if length > MOST_BYTES or offset + LOCAL.size + name_len + length > start:
            report.add(name, "declares a size that the pack cannot hold")
        seen.add(name.lower())
        if len(report.problems) > before:
            continue
        local = LOCAL.pack(b"PK\3\4", needs, flags, method, time, date, crc, packed, length, name_len, 0) + raw
        plain = (made, needs, time, date, external) == (MADE_BY, 20, TIME, DATE, PLAIN_FILE)
        plain = plain and flags & ~NAME_IS_UTF8 == 0 and not (extra_len or note_len or disk or internal)
        if not plain or offset != expected_offset or name <= last or data[offset : offset + len(local)] != local:
            report.add(name, "is not stored as a pack stores its files: the ZIP container was changed")
        body_at = offset + len(local)
        expected_offset, last = body_at + length, name
        contents[name] = data[body_at : body_at + length]
        if binascii.crc32(contents[name]) != crc:
            report.add(name, "has been altered (its checksum in the ZIP container does not match)")
    if at != end_at:
        report.add(CONTAINER, "has a directory that does not fit the file")
    if expected_offset != start and not report.problems:
        report.add(CONTAINER, "holds bytes that belong to no file")
    return contents


def _safe(name, raw):
    """Plain ASCII, relative, forward slashes, no empty, `.` or `..` part, no drive letter, no control character."""
    if not raw or len(raw) > 200 or any(not 32 < byte < 127 or byte in b'\\:*?"<>|' for byte in raw):
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))


def canonical(value):
    """The one way a manifest is written: sorted keys, two spaces, a line feed at the end, UTF-8."""
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def read_manifest(raw):
    """The manifest as a dictionary. Raises ValueError if it is not one, or not in its canonical form."""

    def no_twins(pairs):
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a name is used twice")
        return dict(pairs)

    manifest = json.loads(raw.decode("utf-8"), object_pairs_hook=no_twins)
    if not isinstance(manifest, dict) or canonical(manifest) != raw:
        raise ValueError("it is not in its canonical form")
    if manifest.get("format") != FORMAT:
        raise ValueError("its format is not " + FORMAT)
    for row in manifest["files"]:
        if not isinstance(row["name"], str) or type(row["size"]) is not int or not isinstance(row["sha256"], str):
            raise ValueError("a file is described wrongly")
    names = [row["name"] for row in manifest["files"]]
    if len(set(names)) != len(names) or names != sorted(names):
        raise ValueError("a file is listed twice or the list is not sorted")
    for name in ("organisation", "edition", "created_at"):
        if not isinstance(manifest[name], (str, dict)):
            raise ValueError(name + " is described wrongly")
    return manifest


def check(data, fingerprint=None):
    """Check the bytes of a pack. Returns a Report; raises NotAPack."""
    report = Report()
    contents = read_container(data, report)
    report.files = len(contents)
    manifest, key = None, b""
    if MANIFEST not in contents:
        report.add(MANIFEST, "is missing, so nothing in the pack can be trusted")
    else:
        try:
            manifest = read_manifest(contents[MANIFEST])
            key = base64.b64decode(manifest["signer"]["public_key"], validate=True)
            report.about = {name: manifest[name] for name in ("organisation", "edition", "created_at")}
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            manifest = None
            report.add(MANIFEST, "cannot be read: " + _plain(str(error)))
    if manifest is not None:
        _check_files(manifest, contents, report)
        _check_signature(contents, key, report)
        report.fingerprint = hashlib.sha256(key).hexdigest()
        if fingerprint is not None:
            report.pinned = True
            if report.fingerprint != fingerprint:
                report.add(MANIFEST, "was signed by another key: its fingerprint is not the one you gave")
    return report


def _check_files(manifest, contents, report):
    listed = {row["name"]: row for row in manifest["files"]}
    for name in (MANIFEST, SIGNATURE):
        if listed.pop(name, None):
            report.add(name, "may not be listed in the manifest")
    for name, row in sorted(listed.items()):
        if name not in contents:
            if not any(problem[0] == name for problem in report.problems):
                report.add(_plain(name), "is missing")
        elif len(contents[name]) != row["size"] or hashlib.sha256(contents[name]).hexdigest() != row["sha256"]:
            report.add(name, "has been altered (its content does not match the manifest)")
    for name in sorted(set(contents) - set(listed) - {MANIFEST, SIGNATURE}):
        report.add(name, "is not listed in the manifest")


def _check_signature(contents, key, report):
    if SIGNATURE not in contents:
        report.add(SIGNATURE, "is missing")
        return
    raw = contents[SIGNATURE]
    try:
        signature = base64.b64decode(raw.strip(), validate=True)
    except ValueError:
        signature = b""
    if base64.b64encode(signature) + b"\n" != raw or not ed25519_verify(key, contents[MANIFEST], signature):
        report.add(SIGNATURE, "is not a good signature of manifest.json")


def _plain(text):
    """Text that cannot play tricks with a terminal."""
    return "".join(sign if 32 <= ord(sign) < 127 else f"\\u{ord(sign):04x}" for sign in text)[:300]


def spaced(fingerprint):
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def _fingerprint(text):
    digits = "".join(text.split()).replace(":", "").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("a fingerprint has 64 hexadecimal digits")
    return digits


def _words(report, name):
    lines = ["NOT GOOD: " + _plain(name)] if report.problems else ["GOOD: " + _plain(name)]
    lines += [f"  {_plain(where)} {what}." for where, what in report.problems]
    if not report.problems:
        lines.append(f"  {report.files} files are exactly as they were when the pack was signed.")
        lines.append(_plain(f"  Made {report.about['created_at']}, edition {report.about['edition']}."))
    if report.fingerprint:
        lines += ["", "Fingerprint of the key inside the pack:", "  " + spaced(report.fingerprint)]
    if report.fingerprint and report.pinned and not report.problems:
        lines.append("It is the fingerprint you gave.")
    elif report.fingerprint and not report.pinned:
        lines += [
            "No fingerprint was given to compare with. The signature then proves only that the pack agrees with the",
            "key inside it; anybody could make a pack with a key of their own. Ask the care home for its fingerprint",
            "in another way (telephone, a printed letter), and run again with --fingerprint.",
        ]
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check that an evidence pack is whole and unaltered."
    )
    parser.add_argument("pack", metavar="PACK.zip", help="the evidence pack")
    parser.add_argument(
        "--fingerprint", type=_fingerprint, metavar="HEX", help="the key's fingerprint as the care home gave it"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    try:
        with open(options.pack, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise NotAPack("it is larger than any evidence pack")
        report = check(data, options.fingerprint)
    except (NotAPack, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if options.json:
            print(json.dumps({"ok": None, "error": _plain(reason)}))
        print(f"Could not check {_plain(options.pack)}: {_plain(reason)}.", file=sys.stderr)
        return 2
    print(json.dumps(report.as_json(), indent=2, sort_keys=True) if options.json else _words(report, options.pack))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
