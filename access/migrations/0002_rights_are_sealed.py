"""No right, key, device or token comes, changes or goes without an entry that names it."""

from django.db import migrations

from audit.sql import AUDIT, require_entry
from audit.sql_guards import require_entry_but, require_entry_of

# A release's new permissions are told one by one, as `permission:<name>` in the home; everything else that changes a
# home's grants is an act on the home.
GRANTS = f"""
GRANT SELECT ON auth_permission TO {AUDIT};
CREATE FUNCTION access_require_grant_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    organisation uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.organisation_id ELSE NEW.organisation_id END;
    home uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.care_home_id ELSE NEW.care_home_id END;
    permission integer := CASE WHEN TG_OP = 'DELETE' THEN OLD.permission_id ELSE NEW.permission_id END;
BEGIN
    IF NOT audit_names('care_home:' || home) AND NOT EXISTS (
        SELECT 1 FROM audit_event e
         WHERE e.organisation_id = organisation AND e.care_home_id = home AND e.xact = pg_current_xact_id()
           AND e.at > now() - interval '2 days' -- a release's migration writes them in its own minutes
           AND e.subject = 'permission:' || (SELECT p.codename FROM auth_permission p WHERE p.id = permission)
    ) THEN
        RAISE EXCEPTION 'A right changed and no ledger entry names it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION access_require_grant_entry() OWNER TO {AUDIT};
CREATE CONSTRAINT TRIGGER access_care_home_grant_sealed AFTER INSERT OR UPDATE OR DELETE ON access_care_home_grant
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION access_require_grant_entry();
"""

# Rights stand in access_care_home_grant alone. These tables come with the libraries, nobody asks them, and they stay
# empty: a row there could only be somebody's try at a right behind the ledger's back.
ELSEWHERE = (
    """
CREATE FUNCTION access_no_rights_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rights are given in access_care_home_grant alone: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
    + "".join(
        f"CREATE TRIGGER {table}_stays BEFORE INSERT OR UPDATE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION access_no_rights_here();\n"
        for table in ("auth_group_permissions", "guardian_groupobjectpermission", "guardian_userobjectpermission")
    )
    + """
CREATE TRIGGER auth_permission_stays BEFORE UPDATE ON auth_permission
    FOR EACH ROW WHEN (OLD.codename <> NEW.codename OR OLD.id <> NEW.id) EXECUTE FUNCTION access_no_rights_here();
"""
)

ENTRIES = (
    require_entry("access_organisation", "organisation")
    + require_entry_of("access_directory", "organisation", "organisation_id")
    + require_entry("access_data_key", "data_key")
    + require_entry("access_api_token", "api_token")
    + require_entry_but("access_device", "device", ["last_seen_at"])
    + require_entry_of("auth_group", "", "name")  # care_home:<id>:<role>
)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_organisations_and_people"),
        ("audit", "0006_entries_of_owners"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]

    operations = [
        migrations.RunSQL(ENTRIES, migrations.RunSQL.noop),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
        migrations.RunSQL(ELSEWHERE, migrations.RunSQL.noop),
    ]
