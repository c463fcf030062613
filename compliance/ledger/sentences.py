"""What an entry says in plain English: one table from action to words, and the rules that fill it in. Pure.

Names never stand in the ledger: they are looked up when an entry is shown and handed in. Whatever comes from outside
is made plain first, so that no invisible character can turn a sentence round.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

LONDON = ZoneInfo("Europe/London")
CREATED, CHANGED, DELETED = "created", "changed", "deleted"

# Groups of actions, as people ask for them. The codes stand in addresses, so they never change.
GROUPS = {
    "opened": gettext_lazy("Opened records"),
    "wrote": gettext_lazy("Wrote or changed records"),
    "took": gettext_lazy("Searched, printed, downloaded or exported"),
    "signed": gettext_lazy("Signed in, out or locked"),
    "refused": gettext_lazy("Was refused, or failed to sign in"),
    "people": gettext_lazy("People, roles and tablets"),
    "keys": gettext_lazy("Keys and erasure"),
    "security": gettext_lazy("Data security work"),
    "system": gettext_lazy("Backups and checks of the log"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """did: what was done, after the person's name. {whose} and {whom} are the residents, {subject} the thing itself,
    {page} the part of a record, {home} the care home, {number} how many residents."""

    group: str
    did: str


# Every action that the application seals. A new one fails tests/promises until it has its words here.
ACTIONS: dict[str, Words] = {
    # access
    "access.organisation.created": Words("people", "set up the organisation"),
    "access.care_home.added": Words("people", "added the care home {subject}"),
    "access.staff.added": Words("people", "made an account for {subject}"),
    "access.staff.left": Words("people", "recorded that {subject} left"),
    "access.staff.theme_chosen": Words("signed", "chose how the screen looks"),
    "access.role.given": Words("people", "gave {subject} a role in {home}"),
    "access.shift.granted": Words("people", "gave {subject} access to {home} for a limited time"),
    "access.session.signed_in": Words("signed", "signed in"),
    "access.session.sign_in_failed": Words("refused", "tried to sign in and failed"),
    "access.session.signed_out": Words("signed", "signed out"),
    "access.session.locked": Words("signed", "locked the screen, or left it until it locked"),
    "access.session.unlocked": Words("signed", "unlocked the screen"),
    "access.session.unlock_failed": Words("refused", "tried to unlock the screen and failed"),
    "access.session.ended": Words("signed", "was signed out by the system"),
    "access.session.password_confirmed": Words("signed", "typed the password again to confirm"),
    "access.permission.refused": Words("refused", "tried something they may not do, and was refused"),
    "access.permission.added": Words("people", "gave a new release's permission to the usual roles of {home}"),
    "access.device.enrolled": Words("people", "enrolled {subject}"),
    "access.device.blocked": Words("people", "blocked {subject}"),
    "access.record.not_found": Words("refused", "asked for a record that is not there for them"),
    "access.request.forged": Words("refused", "sent a form without the page's own token, and was refused"),
    "access.session.sign_in_throttled": Words("refused", "tried to sign in too often, and was made to wait"),
    "access.session.page_refused": Words("refused", "asked for a page while the screen was locked"),
    "access.token.refused": Words("refused", "came with an access token that is not known"),
    "access.key.made": Words("keys", "made a data key"),
    "access.key.destroyed": Words("keys", "destroyed a data key, and with it what it had locked"),
    "access.token.made": Words("people", "made an access token for another program"),
    # records
    "records.resident.admitted": Words("wrote", "added {whom} as a resident of {home}"),
    "records.resident_list.imported": Words("wrote", "imported a list of residents into {home}"),
    "records.daily_note.written": Words("wrote", "wrote a daily note about {whom}"),
    "records.daily_note.corrected": Words("wrote", "corrected a daily note about {whom}"),
    "records.resident_list.searched": Words("took", "searched for residents by name or room"),
    "records.resident.printed": Words("took", "printed {whose} {page}"),
    "records.resident_list.printed": Words("took", "printed a list of {number}"),
    "records.resident.erased": Words("keys", "erased the record of {whom}"),
    "records.resident.viewed": Words("opened", "opened {whose} {page}"),
    "access.page.printed": Words("took", "printed a page about people or tablets"),
    "records.page.printed": Words("took", "printed a page that shows no resident"),
    "compliance.page.printed": Words("took", "printed a page about data security"),
    "carehome.page.printed": Words("took", "printed a page that shows no resident"),
    "records.resident_list.viewed": Words("opened", "opened a list of {number}"),
    # backups
    "backups.backup.requested": Words("system", "asked for a backup"),
    "backups.backup.made": Words("system", "made a backup"),
    "backups.backup.failed": Words("system", "could not make a backup"),
    "backups.backup.expired": Words("system", "removed a backup whose time was over"),
    "backups.restore.started": Words("system", "began to restore a backup"),
    "backups.drill.requested": Words("system", "asked for a restore drill"),
    "backups.drill.started": Words("system", "began a restore drill"),
    "backups.drill.run": Words("system", "finished a restore drill"),
    # compliance
    "compliance.item.confirmed": Words("security", "confirmed an evidence item"),
    "compliance.item.confirmation_withdrawn": Words("security", "withdrew the confirmation of an evidence item"),
    "compliance.pack.requested": Words("took", "asked for an evidence pack"),
    "compliance.pack.built": Words("took", "made an evidence pack"),
    "compliance.pack.failed": Words("took", "could not make an evidence pack"),
    "compliance.pack.downloaded": Words("took", "downloaded an evidence pack"),
    "compliance.pack.expired": Words("took", "removed an evidence pack whose time was over"),
    "compliance.pack.written": Words("took", "wrote an evidence pack to a file on the server"),
    "compliance.alert.raised": Words("security", "raised an alert about unusual access"),
    "compliance.alert.continued": Words("security", "added more to an alert about unusual access"),
    "compliance.alert.reviewed": Words("security", "reviewed an alert about unusual access"),
    "compliance.ledger.viewed": Words("opened", "opened what the audit log says about {whom}"),
    "compliance.ledger.searched": Words("took", "searched for somebody in the audit log"),
    "compliance.ledger.export_requested": Words("took", "asked for a file of the audit log"),
    "compliance.ledger.exported": Words("took", "made a file of the audit log, which names {number}"),
    "compliance.ledger.export_failed": Words("took", "could not make a file of the audit log"),
    "compliance.ledger.export_downloaded": Words("took", "downloaded a file of the audit log"),
    "compliance.ledger.export_expired": Words("took", "removed a file of the audit log whose time was over"),
    "compliance.access_report.printed": Words("took", "printed who looked at {whose} record"),
    "compliance.access_report.shared": Words("took", "made a link to who looked at {whose} record"),
    "compliance.access_report.opened": Words("opened", "opened who looked at {whose} record, by a link"),
    "compliance.access_report.code_refused": Words("refused", "typed a wrong code for who looked at {whose} record"),
    "compliance.access_report.link_blocked": Words("refused", "typed too many wrong codes: the link was blocked"),
    "compliance.access_report.withdrawn": Words("took", "withdrew a link to who looked at {whose} record"),
    "compliance.access_report.names_chosen": Words("security", "chose how names are shown in who-looked reports"),
    "compliance.access_question.asked": Words("security", "asked why {whose} record was opened"),
    "compliance.access_question.answered": Words("security", "answered why {whose} record was opened"),
    "compliance.access_question.answer_corrected": Words("security", "corrected why {whose} record was opened"),
    "compliance.report.exported": Words("took", "exported a report"),
    "compliance.privileged_activity.reviewed": Words("security", "reviewed privileged activity"),
    # audit
    "audit.ledger.verified": Words("system", "checked the whole audit log: it is unbroken"),
    "audit.ledger.extracted": Words("took", "took a provable extract of the audit log"),
    "audit.ledger.archived": Words("system", "moved old entries of the audit log to a signed archive"),
    "audit.ledger.restored": Words("system", "marked that the database was restored from a backup"),
    "audit.key.rotated": Words("keys", "put a new signing key in the place of the old one"),
    "audit.ledger.broken": Words("system", "checked the audit log and found it BROKEN"),
}

# What a field change is about, by the app and the kind in its ref: (group, of a resident?, noun).
CHANGED_THINGS: dict[str, tuple[str, bool, str]] = {
    "access.staff": ("people", False, "the account of {subject}"),
    "access.role_holding": ("people", False, "a role that somebody holds"),
    "access.grant": ("people", False, "a role for a limited time"),
    "access.device": ("people", False, "{subject}"),
    "access.api_token": ("people", False, "an access token for another program"),
    "access.care_home": ("people", False, "{subject}"),
    "records.resident": ("wrote", True, "{whose} record"),
    "records.daily_note": ("wrote", True, "a daily note about {whom}"),
}
_CHANGES = {CREATED: "added", CHANGED: "changed", DELETED: "deleted"}
ACTIONS |= {
    f"{thing}.{change}": Words(group, f"{did} {noun}")
    for thing, (group, _of_resident, noun) in CHANGED_THINGS.items()
    for change, did in _CHANGES.items()
}

# Parts of a record, by the name of the page that showed them.
PAGES = {
    "records:resident": "record",
    "records:daily_notes": "daily notes",
    "records:daily_note_new": "record, to write a note",
    "records:daily_note_correct": "daily note, to correct it",
    "compliance:access_report": "list of who looked",
    "api:resident": "record, through another program",
    "api:notes": "daily notes, through another program",
}

_SYSTEM = {
    "anomalies": "alerts",
    "close_views": "closing of views",
    "erasures_replay": "erasing again after a restore",
    "migrate": "upgrade",
    "packs": "evidence packs",
    "seed_demo": "demonstration data",
    "test": "test",
    "verify_ledger": "check of the log",
}
_NOBODY = {
    "staff": gettext_lazy("a person no longer on record"),
    "resident": gettext_lazy("a resident no longer on record"),
    "device": gettext_lazy("a tablet no longer on record"),
    "care_home": gettext_lazy("a care home no longer on record"),
    "visitor": gettext_lazy("somebody who was not signed in"),
    "access_report_share": gettext_lazy("somebody with a link to who looked"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One entry as it is put into words; page: the page's name where the details tell it."""

    action: str
    actor: str
    subject: str
    device: str | None
    care_home_id: UUID | None
    residents: Sequence[UUID]
    at: datetime
    count: int = 1
    page: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """who, did (what, to whom), where, when, times: `text` is all of them in one line, without a full stop."""

    who: str
    did: str
    where: str
    when: str
    times: str

    @property
    def text(self) -> str:
        return f"{self.who} {self.rest}"

    @property
    def rest(self) -> str:
        """All but the person, so that a page can set the name apart."""
        return "".join((self.did, self.where, self.when, self.times))


def actions_of(group: str) -> list[str]:
    return sorted(action for action, words in ACTIONS.items() if words.group == group)


def sentence(said: Said, names: Mapping[str, str]) -> Sentence:
    """names: by ref, of everybody and everything whom the reader may know by name; whoever is not in it has none."""
    return Sentence(
        who=upper_first(name_of(said.actor, names)),
        did=_did(said, names),
        where=_(" on %(device)s") % {"device": name_of(said.device, names)} if said.device else "",
        when=_(" at %(time)s") % {"time": said.at.astimezone(LONDON).strftime("%H:%M")},
        times=ngettext(", %(n)d time", ", %(n)d times", said.count) % {"n": said.count} if said.count > 1 else "",
    )


def _did(said: Said, names: Mapping[str, str]) -> str:
    words = ACTIONS.get(said.action)
    if words is None:
        return _("did something this version does not know: %(action)s") % {"action": plain(said.action)}
    whom = residents_in_words(said.residents, names)
    return words.did.format(
        whom=whom,
        whose=possessive(whom),
        subject=name_of(said.subject, names),
        page=PAGES.get(said.page, "record"),
        home=name_of(f"care_home:{said.care_home_id}", names) if said.care_home_id else _("the organisation"),
        number=number_in_words(len(said.residents)),
    )


def name_of(ref: str | None, names: Mapping[str, str]) -> str:
    """The name behind a ref, or what is left to say of it."""
    if not ref:
        return ""
    if ref in names:
        return plain(names[ref])
    kind, _colon, rest = ref.partition(":")
    if kind == "system":
        return _("the system (%(part)s)") % {"part": plain(_SYSTEM.get(rest, rest.replace("_", " ")))}
    return str(_NOBODY.get(kind, plain(ref)))


def residents_in_words(residents: Sequence[UUID], names: Mapping[str, str]) -> str:
    if not residents:
        return _("nobody")
    if len(residents) > 3:
        return number_in_words(len(residents))
    return and_list(name_of(f"resident:{resident}", names) for resident in residents)


def number_in_words(number: int) -> str:
    return ngettext("%(n)d resident", "%(n)d residents", number) % {"n": number}


def and_list(items: Iterable[str]) -> str:
    """A, B and C."""
    words = list(items)
    return words[0] if len(words) == 1 else _("%(some)s and %(last)s") % {
        "some": ", ".join(words[:-1]), "last": words[-1],
    }  # fmt: skip


def possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def plain(text: str, *, lines: bool = False) -> str:
    """The text with nothing in it that cannot be seen: control, direction and unassigned characters show their number.

    lines: keep line breaks and tabs, for longer texts.
    """
    return "".join(
        char
        if (char.isprintable() and unicodedata.category(char) != "Cf") or (lines and char in "\n\t")
        else _shown(char)
        for char in text
    )


def _shown(char: str) -> str:
    return " " if char in "\n\r\t" or unicodedata.category(char) == "Zs" else f"‹U+{ord(char):04X}›"
