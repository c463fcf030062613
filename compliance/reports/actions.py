"""Which ledger entries a report is about, by their action, and what an action is called in plain words.

An action that nobody foresaw is never lost: whatever is new in access counts as administration until it is put among
the everyday, because a report that leaves an act out is worse than one that shows a harmless one.
"""

from enum import StrEnum

from access.events import AccessEvent
from audit.sql_finding import OFTEN


class Group(StrEnum):
    """Kinds of privileged activity."""

    PEOPLE = "people"
    DEVICES = "devices"
    KEYS = "keys"
    BACKUPS = "backups"
    ERASURES = "erasures"
    EXPORTS = "exports"
    SETTINGS = "settings"


GROUP_TITLES = {
    Group.PEOPLE: "People, roles and shifts",
    Group.DEVICES: "Tablets and tokens",
    Group.KEYS: "Keys",
    Group.BACKUPS: "Backups asked for, and restores",
    Group.ERASURES: "Erasures",
    Group.EXPORTS: "Exports, prints and imports",
    Group.SETTINGS: "Organisation, homes and rights",
}

# What people do with their own account all day, and what the system notes of it.
EVERYDAY = ("access.session.", "access.permission.refused", "access.staff.theme_chosen", "access.break_glass.")
_BACKUPS = ("backups.backup.requested", "backups.drill.requested", "backups.restore.")
# A record that a service made has its service's entry; what was changed or deleted beneath one has only this.
_DOUBLED = tuple(f"access.{kind}.created" for kind in ("staff", "role_holding", "grant", "device", "care_home"))

EXPORT = r"([._](exported|downloaded|printed|extracted|imported)|^compliance\.pack\.written)$"
ERASURE = r"\.(erased|shredded)$|(^|\.)erasure\."
KEY_WORK = r"(^|[._])keys?[._]"

# As the index on seldom actions has it, word for word: through it the rest is found among millions.
SELDOM_SQL = "e.action NOT IN ('" + "', '".join(OFTEN) + "')"

# For one row `e` of audit_event: which group of privileged activity it belongs to, or null. The order decides.
GROUP_SQL = f"""
CASE WHEN e.kind IN ('view', 'refusal') AND e.action !~ '{EXPORT}' THEN NULL
     WHEN e.action ~ '{EXPORT}' THEN 'exports'
     WHEN e.action ~ '{ERASURE}' THEN 'erasures'
     WHEN e.action ~ '{KEY_WORK}' THEN 'keys'
     WHEN {" OR ".join(f"starts_with(e.action, '{prefix}')" for prefix in _BACKUPS)} THEN 'backups'
     WHEN NOT starts_with(e.action, 'access.') THEN NULL
     WHEN {" OR ".join(f"starts_with(e.action, '{prefix}')" for prefix in EVERYDAY)} THEN NULL
     WHEN e.action IN ({", ".join(f"'{action}'" for action in _DOUBLED)}) THEN NULL
     WHEN e.action ~ '^access[.](device|token|api_token)[.]' THEN 'devices'
     WHEN e.action ~ '^access[.](staff|role|role_holding|shift|grant)[.]' THEN 'people'
     ELSE 'settings' END
"""

# For one row `e`: what somebody did, each entry in exactly one of these.
WHAT_SQL = f"""
CASE WHEN e.kind = 'refusal' THEN 'refusals'
     WHEN e.kind = 'view' AND e.action LIKE '%%viewed' THEN 'views'
     WHEN e.action ~ '{EXPORT}' THEN 'exports'
     WHEN e.kind = 'view' THEN 'views'
     WHEN e.kind = 'change' THEN 'changes'
     ELSE 'others' END
"""
WHATS = {
    "views": "Opened",
    "changes": "Changed",
    "exports": "Exported",
    "refusals": "Refused",
    "others": "Other",
}

SIGNED_IN = (AccessEvent.SIGNED_IN.value, AccessEvent.UNLOCKED.value)
FAILED = (AccessEvent.SIGN_IN_FAILED.value, AccessEvent.UNLOCK_FAILED.value)
LOCKED_OUT = ("access.session.locked_out", "access.session.paused", "access.session.throttled")
BREAK_GLASS = "access.break_glass."

_WORDS = {
    AccessEvent.ORGANISATION_CREATED: "Organisation set up",
    AccessEvent.CARE_HOME_ADDED: "Care home added",
    AccessEvent.STAFF_ADDED: "Account made",
    AccessEvent.STAFF_LEFT: "Leaving recorded",
    AccessEvent.ROLE_GIVEN: "Role given",
    AccessEvent.SHIFT_GRANTED: "Shift or visit granted",
    AccessEvent.SIGNED_IN: "Signed in",
    AccessEvent.SIGN_IN_FAILED: "Sign-in failed",
    AccessEvent.SIGNED_OUT: "Signed out",
    AccessEvent.LOCKED: "Screen locked",
    AccessEvent.UNLOCKED: "Screen unlocked",
    AccessEvent.UNLOCK_FAILED: "Unlocking failed",
    AccessEvent.SESSION_ENDED: "Session ended",
    AccessEvent.PASSWORD_CONFIRMED: "Password given again",
    AccessEvent.REFUSED: "Refused",
    AccessEvent.DEVICE_ENROLLED: "Tablet enrolled",
    AccessEvent.DEVICE_BLOCKED: "Tablet blocked",
    AccessEvent.TOKEN_MADE: "API token made",
    AccessEvent.THEME_CHOSEN: "Theme chosen",
    "records.resident.viewed": "Resident's record opened",
    "records.resident_list.viewed": "List of residents opened",
    "records.resident.admitted": "Resident admitted",
    "records.resident_list.imported": "List of residents imported",
    "records.daily_note.written": "Daily note written",
    "records.daily_note.corrected": "Daily note corrected",
    "backups.backup.requested": "Backup asked for",
    "backups.drill.requested": "Restore drill asked for",
    "backups.restore.started": "Backup restored",
    "compliance.item.confirmed": "Evidence item confirmed",
    "compliance.item.confirmation_withdrawn": "Confirmation withdrawn",
    "compliance.pack.requested": "Evidence pack asked for",
    "compliance.pack.downloaded": "Evidence pack downloaded",
    "compliance.pack.written": "Evidence pack written to a file",
    "compliance.report.exported": "Report made into a file",
    "compliance.privileged_activity.reviewed": "Privileged activity reviewed",
}


def say(action: str) -> str:
    """What an action is called; of an unknown one, its own words."""
    if action in _WORDS:
        return _WORDS[action]
    text = " ".join(part.replace("_", " ") for part in action.split(".")[1:])
    return text[:1].upper() + text[1:] if text else action
