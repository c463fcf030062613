from access.services.devices import block_device, enrol_device, find_device
from access.services.organisations import add_care_home, create_organisation
from access.services.sessions import (
    ABSOLUTE_LIMIT,
    confirm_password,
    end_session,
    idle_limit,
    lock_session,
    note_input,
    sign_in,
    sign_in_failed,
    sign_out,
    unlock_with_password,
    unlock_with_pin,
)
from access.services.staff import add_staff, choose_theme, give_role, grant_shift, record_leaver, require_leaver_right
from access.services.tokens import answer_once, find_token, make_token, token_parts

__all__ = [
    "ABSOLUTE_LIMIT",
    "add_care_home",
    "add_staff",
    "answer_once",
    "block_device",
    "choose_theme",
    "confirm_password",
    "create_organisation",
    "end_session",
    "enrol_device",
    "find_device",
    "find_token",
    "give_role",
    "grant_shift",
    "idle_limit",
    "lock_session",
    "make_token",
    "note_input",
    "record_leaver",
    "require_leaver_right",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "token_parts",
    "unlock_with_password",
    "unlock_with_pin",
]
