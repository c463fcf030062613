"""The whole application over committed data: what pg_dump needs to see and a test's open transaction would hide."""

from access.tenancy import acting_for
from audit.entries import open_details
from audit.models import Event
from tests.conftest import World


def committed_world():
    """Two organisations, each with one care home and a person; the first stays open until the stack is closed."""
    world = World()
    world.person("administrator")
    world.person("registered_manager")
    world.person("carer")
    return world


def entries(organisation, action):
    """Details of the organisation's ledger entries of this name, oldest first."""
    with acting_for(organisation.pk):
        events = Event.objects.filter(organisation_id=organisation.pk, action=action).order_by("at")
        return [open_details(event) for event in events]
