"""An index for finding what happens seldom: role changes, exports, refusals, broken seals among millions of views.

What happens all day long is left out, so those entries, nineteen in twenty, are written as before; whoever asks for
them finds them along the time. The list is part of a released index and never changes: another list is another index.
"""

OFTEN = (
    "records.resident.viewed",
    "records.resident_list.viewed",
    "records.daily_note.written",
    "access.session.locked",
    "access.session.unlocked",
    "access.session.signed_in",
    "access.session.signed_out",
)

SELDOM = (
    "CREATE INDEX audit_event_seldom ON audit_event (organisation_id, action, at) WHERE action NOT IN ("
    + ", ".join(f"'{action}'" for action in OFTEN)
    + ");"
)
