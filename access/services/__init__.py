from access.services.devices import block_device, enrol_device, find_device
from access.services.keys import destroy_resident_keys, make_data_key
from access.services.organisations import add_care_home, create_organisation
from access.services.printing import record_print
from access.services.sessions import (
    ABSOLUTE_LIMIT,
    confirm_password,
    end_session,
    idle_limit,
    lock_session,
    note_input,
    refuse_while_locked,
    sign_in,
    sign_in_failed,
    sign_out,
    unlock_with_password,
    unlock_with_pin,
)
from access.services.staff import (
    add_staff,
    choose_theme,
    give_role,
    grant_shift,
    may_record_leaving,
    record_leaver,
    require_leaver_right,
)
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
    "destroy_resident_keys",
    "end_session",
    "enrol_device",
    "find_device",
    "find_token",
    "give_role",
    "grant_shift",
    "idle_limit",
    "lock_session",
    "make_data_key",
    "make_token",
    "may_record_leaving",
    "note_input",
    "record_leaver",
    "record_print",
    "refuse_while_locked",
    "require_leaver_right",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "token_parts",
    "unlock_with_password",
    "unlock_with_pin",
]
