"""Who may do what with records. Read it aloud to an inspector."""

from access.policies import Permission, Policy
from access.roles import Role


class RecordPermission(Permission):
    READ_RESIDENT = "records.resident.read"  # name, room, allergies and care flags
    READ_IDENTIFIERS = "records.resident.identify"  # date of birth, gender, NHS number, what matters to them
    IMPORT_RESIDENTS = "records.resident.import"
    ERASE_RESIDENT = "records.resident.erase"
    READ_ERASURE = "records.erasure.read"  # certificates: that a record was erased, when, by whom and why
    READ_DAILY_NOTE = "records.daily_note.read"
    WRITE_DAILY_NOTE = "records.daily_note.write"
    CORRECT_DAILY_NOTE = "records.daily_note.correct"  # anybody's; one's own needs only WRITE_DAILY_NOTE


_SEES = {RecordPermission.READ_RESIDENT, RecordPermission.READ_IDENTIFIERS, RecordPermission.READ_DAILY_NOTE}
_CARES = _SEES | {RecordPermission.WRITE_DAILY_NOTE}
_LEADS = _CARES | {RecordPermission.CORRECT_DAILY_NOTE}

policy = Policy(
    "records",
    permissions=RecordPermission,
    grants={
        Role.CARER: _CARES,
        Role.AGENCY_CARER: _CARES,
        Role.SENIOR_CARER: _LEADS,
        Role.NURSE: _LEADS,
        Role.ACTIVITIES: {
            RecordPermission.READ_RESIDENT,
            RecordPermission.READ_DAILY_NOTE,
            RecordPermission.WRITE_DAILY_NOTE,
        },
        Role.KITCHEN: {RecordPermission.READ_RESIDENT},
        Role.REGISTERED_MANAGER: set(RecordPermission),
        Role.ADMINISTRATOR: {
            RecordPermission.READ_RESIDENT,
            RecordPermission.IMPORT_RESIDENTS,
            RecordPermission.READ_ERASURE,
        },
        Role.INSPECTOR: _SEES | {RecordPermission.READ_ERASURE},
        # After a restore, to erase again whom a backup brought back.
        Role.SYSTEM: {RecordPermission.ERASE_RESIDENT},
    },
)
