"""Guards and walls of the anchors' receipts: written once, never changed, each organisation its own."""

from audit.sql import APP, AUDIT, TENANT

RECEIPTS = f"""
CREATE TRIGGER audit_anchor_receipt_append_only BEFORE UPDATE OR DELETE ON audit_anchor_receipt
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_anchor_receipt_no_truncate BEFORE TRUNCATE ON audit_anchor_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_anchor_receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_anchor_receipt FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_anchor_receipt_tenant ON audit_anchor_receipt TO {APP}
    USING (organisation_id = {TENANT}) WITH CHECK (organisation_id = {TENANT});
CREATE POLICY audit_anchor_receipt_ledger ON audit_anchor_receipt TO {AUDIT} USING (true) WITH CHECK (true);
REVOKE ALL ON audit_anchor_receipt FROM PUBLIC;
GRANT SELECT, INSERT ON audit_anchor_receipt TO {APP};
ALTER TABLE audit_anchor_receipt OWNER TO {AUDIT};
"""
