from uuid import uuid4

import pytest
from pyrage import x25519

from audit.signing import signer
from backups.destinations import DirectoryDestination
from backups.drill import Roles, scratch_prefix
from backups.postgres import Address, databases_starting, drop_database
from backups.sets import make_set
from carehome.embedded.postgres import Cluster
from carehome.embedded.roles import create_database, ensure_roles
from tests.backups.house import House
from tests.backups.installed import committed_world

ROLES = ("carehome_owner", "carehome_app", "carehome_backup")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A PostgreSQL server of our own, with the house's roles."""
    cluster = Cluster(tmp_path_factory.mktemp("pg"), durable=False)
    cluster.start()
    ensure_roles(cluster.conninfo(), {role: f"{role}-password" for role in ROLES})
    yield cluster
    cluster.stop()


def roles_at(cluster, database):
    owner, app, reader = (Address.of(cluster.url(database, user=role, password=f"{role}-password")) for role in ROLES)
    return Roles(owner=owner, reader=reader, app=app)


@pytest.fixture(scope="session")
def kept_house(server):
    """A built house that tests only read."""
    create_database(server.conninfo(), "kept")
    house = House(roles_at(server, "kept"))
    house.build()
    return house


@pytest.fixture
def old_house(server):
    """A house of the first release."""
    name = f"house_{uuid4().hex[:8]}"
    create_database(server.conninfo(), name)
    house = House(roles_at(server, name))
    house.build(first_release=True)
    yield house
    drop_database(Address.of(server.conninfo()), name)


@pytest.fixture
def house(server, kept_house):
    """A copy of the kept house that a test may change."""
    name = f"house_{uuid4().hex[:8]}"
    admin = Address.of(server.conninfo())
    with admin.connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE kept OWNER carehome_owner")
    yield House(roles_at(server, name))
    drop_database(admin, name)


@pytest.fixture
def identity():
    return x25519.Identity.generate()


@pytest.fixture
def destination(tmp_path):
    return DirectoryDestination(tmp_path / "backups")


@pytest.fixture
def public_keys():
    return {signer().key_id: signer().public_key_bytes}


@pytest.fixture
def make(destination, identity):
    """Back a house up; returns the manifest."""

    def made(house, **changes):
        arguments = {
            "id": uuid4(),
            "database": house.roles.reader,
            "destination": destination,
            "recipients": [identity.to_public()],
            "signer": signer(),
        }
        return make_set(**{**arguments, **changes}).manifest

    return made


@pytest.fixture
def scratches(kept_house):
    """Names of the scratch databases that are there now."""
    return lambda: databases_starting(kept_house.roles.owner, scratch_prefix("kept"))


@pytest.fixture
def places(settings, tmp_path):
    """Backups and anchors lie in folders of this test."""
    settings.BACKUP_DESTINATION = (tmp_path / "sets").as_uri()
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"


@pytest.fixture
def here(world, places):
    """The application with two organisations, never committed: a set made of it is an empty house."""
    return world


@pytest.fixture
def installed(transactional_db, places):
    """The application with two organisations, committed, so that a set holds them. Slower than `here`."""
    world = committed_world()
    with world.stack:
        yield world


@pytest.fixture
def sets_folder(tmp_path):
    return tmp_path / "sets"
