"""Who may open what: every URL × role has a stated answer here. A new URL fails until it is stated.

For each URL name: how it is asked, the answer for those who may, who may, and the answer for everybody else.
"""

from dataclasses import dataclass, field

CARER, SENIOR, NURSE, KITCHEN, ACTIVITIES = "carer", "senior_carer", "nurse", "kitchen", "activities"
MANAGER, ADMIN, AGENCY, INSPECTOR = "registered_manager", "administrator", "agency_carer", "inspector"
ROLES = (CARER, SENIOR, NURSE, KITCHEN, ACTIVITIES, MANAGER, ADMIN, AGENCY, INSPECTOR)

EVERYBODY = frozenset(ROLES)
WRITES_NOTES = frozenset({CARER, SENIOR, NURSE, ACTIVITIES, MANAGER, AGENCY})
READS_NOTES = WRITES_NOTES | {INSPECTOR}
CORRECTS = frozenset({SENIOR, NURSE, MANAGER})
LEADS = frozenset({MANAGER, ADMIN})
SEES_SECURITY = LEADS | {INSPECTOR}
SPEAKS_FOR_RESIDENTS = LEADS | {SENIOR}


@dataclass(frozen=True)
class Answer:
    """`yes` for the roles that may, `no` for the others; `open` pages need nobody signed in."""

    roles: frozenset[str] = EVERYBODY
    yes: int = 200
    no: int = 403
    method: str = "get"
    args: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    open: bool = False
    while_locked: bool = False
    by_link: bool = False  # the address carries its own right and organisation: whoever is signed in does not matter
    unknown: frozenset[str] = frozenset()  # roles that get 404: the thing's very existence is not theirs to know

    def for_role(self, role: str) -> int:
        return 404 if role in self.unknown else self.yes if role in self.roles else self.no


MATRIX: dict[str, Answer] = {
    "home": Answer(yes=302),
    "healthz": Answer(open=True, while_locked=True),
    # The tests have no broker: readiness says so.
    "readyz": Answer(open=True, yes=503, no=503, while_locked=True),
    "access:organisation": Answer(open=True, while_locked=True),
    "access:sign_in": Answer(open=True, while_locked=True),
    "access:sign_out": Answer(method="post", yes=302, while_locked=True),
    "access:lock": Answer(yes=302, while_locked=True),
    "access:lock_now": Answer(method="post", yes=302, while_locked=True),
    "access:session_state": Answer(while_locked=True),
    "access:activity": Answer(method="post", yes=204),
    "access:printed": Answer(method="post", yes=400),  # no token
    "access:account": Answer(),
    "access:people": Answer(LEADS),
    "access:leaver": Answer(LEADS, args=("staff",)),
    "access:devices": Answer(LEADS),
    "access:device_block": Answer(frozenset({ADMIN}), method="post", yes=302, args=("device",)),
    "records:resident_list": Answer(),
    "records:resident": Answer(args=("resident",)),
    "records:daily_notes": Answer(READS_NOTES, args=("resident",)),
    "records:daily_note_new": Answer(WRITES_NOTES, args=("resident",)),
    # The note was written by somebody else; who may not read notes learns nothing of it.
    "records:daily_note_correct": Answer(CORRECTS, args=("note",), unknown=frozenset({KITCHEN, ADMIN})),
    "records:resident_erase": Answer(frozenset({MANAGER}), args=("resident",)),
    "records:erasures": Answer(SEES_SECURITY),
    "records:erasure": Answer(SEES_SECURITY, args=("erasure",), no=404),
    "records:resident_import": Answer(LEADS),
    "records:resident_sample": Answer(LEADS),
    "api:residents": Answer(),
    "api:resident": Answer(args=("resident",)),
    "api:notes": Answer(READS_NOTES, args=("resident",)),
    "api:note_corrections": Answer(READS_NOTES, yes=400, no=404, method="post", args=("note",)),
    "api:schema": Answer(),
    "compliance:dashboard": Answer(SEES_SECURITY),
    "compliance:items": Answer(SEES_SECURITY),
    "compliance:item": Answer(SEES_SECURITY, args=("item",)),
    "compliance:item_withdraw": Answer(frozenset({MANAGER}), method="post", yes=422, args=("item",)),  # no reason given
    "compliance:backups": Answer(SEES_SECURITY),
    "compliance:packs": Answer(LEADS),
    "compliance:pack_new": Answer(LEADS),
    "compliance:pack": Answer(LEADS, args=("pack",)),
    "compliance:pack_progress": Answer(LEADS, args=("pack",)),
    "compliance:pack_download": Answer(
        LEADS, yes=302, method="post", args=("pack",)
    ),  # not built yet: back to its page
    "compliance:reports": Answer(SEES_SECURITY),
    "compliance:report": Answer(SEES_SECURITY, args=("report",)),
    "compliance:report_behind": Answer(SEES_SECURITY, args=("report",), data={"figure": "all=1"}),
    "compliance:report_file": Answer(LEADS, method="post", args=("report",), data={"format": "csv"}),
    # The month is not over: nothing is reviewed, and its page says so.
    "compliance:report_review": Answer(LEADS, yes=302, method="post", args=("month",)),
    "compliance:alerts": Answer(LEADS),
    "compliance:alert": Answer(LEADS, args=("alert",)),
    "compliance:ledger": Answer(SEES_SECURITY),
    "compliance:ledger_timeline": Answer(SEES_SECURITY),
    "compliance:ledger_hours": Answer(SEES_SECURITY),
    "compliance:ledger_checks": Answer(SEES_SECURITY),
    "compliance:ledger_choose": Answer(SEES_SECURITY, args=("whom",)),
    "compliance:ledger_entry": Answer(SEES_SECURITY, args=("entry",)),
    "compliance:ledger_entry_verify": Answer(SEES_SECURITY, method="post", args=("entry",)),
    "compliance:ledger_export_new": Answer(LEADS),
    # Made for one person: for everybody else who may export, it does not exist.
    "compliance:ledger_export": Answer(frozenset({ADMIN}), args=("export",), unknown=frozenset({MANAGER})),
    "compliance:ledger_export_progress": Answer(frozenset({ADMIN}), args=("export",), unknown=frozenset({MANAGER})),
    "compliance:ledger_export_download": Answer(
        frozenset({ADMIN}), yes=302, method="post", args=("export",), unknown=frozenset({MANAGER})
    ),  # not built yet: back to its page
    "compliance:access_report": Answer(SPEAKS_FOR_RESIDENTS, args=("resident",)),
    "compliance:access_report_letter": Answer(LEADS, method="post", args=("resident",)),
    "compliance:access_report_shares": Answer(LEADS, args=("resident",)),
    "compliance:access_report_share_new": Answer(LEADS, args=("resident",)),
    "compliance:access_report_share_withdraw": Answer(LEADS, yes=302, method="post", args=("share",)),
    "compliance:access_report_ask": Answer(SPEAKS_FOR_RESIDENTS, args=("resident", "entry")),
    "compliance:access_report_names": Answer(LEADS),
    "compliance:access_questions": Answer(LEADS),
    "compliance:access_question": Answer(LEADS, args=("question",)),
    # For people without an account: the code is asked first, and without it every way leads back to it.
    "my_record:report": Answer(open=True, by_link=True, while_locked=True, args=("organisation_code", "token")),
    "my_record:close": Answer(
        open=True, by_link=True, while_locked=True, yes=303, no=303, args=("organisation_code", "token")
    ),
    "my_record:ask": Answer(
        open=True, by_link=True, while_locked=True, yes=303, no=303, args=("organisation_code", "token", "entry")
    ),
}
