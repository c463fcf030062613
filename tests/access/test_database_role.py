"""Nothing runs as a database role that no wall holds."""

import copy

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DEFAULT_DB_ALIAS, connections

from access import checks
from carehome.embedded.postgres import SUPERUSER
from tests import settings as run


@pytest.mark.parametrize("role", [SUPERUSER, "carehome_backup"])
def test_connection_as_a_strong_role_is_refused(db, role):
    weak = connections[DEFAULT_DB_ALIAS]
    settings = copy.deepcopy(weak.settings_dict)
    password = run.CLUSTER.password_file.read_text().strip() if role == SUPERUSER else run.PASSWORD
    strong = weak.__class__(settings | {"USER": role, "PASSWORD": password}, DEFAULT_DB_ALIAS)

    with pytest.raises(ImproperlyConfigured, match="no wall holds"):
        strong.ensure_connection()


def test_checks_pass_as_the_application_role(db):
    assert checks.weak_enough(None, databases=["default"]) == []


def test_checks_name_a_tenants_table_without_a_wall(db):
    from tests.database import as_admin

    with as_admin() as admin:
        admin.execute("CREATE TABLE zz_open (id int, organisation_id uuid)")
        try:
            found = checks.weak_enough(None, databases=["default"])
        finally:
            admin.execute("DROP TABLE zz_open")

    assert [(error.id, "zz_open" in error.msg) for error in found] == [("access.E002", True)]


def test_checks_refuse_a_start_without_the_wrapping_key(db, settings, tmp_path):
    from access.wrapping import wrapping_key

    settings.WRAPPING_KEY_FILE = tmp_path / "gone"
    wrapping_key.cache_clear()
    try:
        with pytest.raises(SystemCheckError, match=r"access\.E004"):
            call_command("check")
    finally:
        wrapping_key.cache_clear()
