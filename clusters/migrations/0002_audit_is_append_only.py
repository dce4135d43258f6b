"""The database itself refuses to alter audit entries; pruning says so in its transaction first."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION clusters_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('spinnaker.pruning', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'audit entries cannot be changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON clusters_auditentry
    FOR EACH ROW EXECUTE FUNCTION clusters_refuse_audit_change();
"""
ALLOW = """
DROP TRIGGER audit_entry_is_append_only ON clusters_auditentry;
DROP FUNCTION clusters_refuse_audit_change();
"""


class Migration(migrations.Migration):
    dependencies = [("clusters", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
