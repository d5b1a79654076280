"""Months that no event has been in yet: loaded as tables of their own, then attached to the event table.

A bulk upload writes such a month by COPY before it has an index or row-level security; attaching builds the indexes in
one go, which costs a fraction of keeping them while writing. Until the import commits nobody else sees the table. Checks
on it hold the importing tenant and the month, so nothing else can get in.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION audience_detach_month(month date, batch bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    name text := format('audience_event_%s', to_char(first, 'YYYY_MM'));
    tenant bigint := nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint;
BEGIN
    IF tenant IS NULL OR first < date '2020-01-01' OR first > now()::date + 40 THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audience_event'), hashtext(name));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE audience_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE %I ALTER tenant_id SET DEFAULT %s, ALTER batch_id SET DEFAULT %s, ALTER source SET DEFAULT 1,
        ADD CONSTRAINT detached CHECK (tenant_id = %s AND occurred_at >= %L AND occurred_at < %L)', name, tenant, batch,
        tenant, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    RETURN name;
END $$;
CREATE FUNCTION audience_attach_month(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date := to_date(right(name, 7), 'YYYY_MM');
BEGIN
    IF name !~ '^audience_event_[0-9]{4}_[0-9]{2}$' OR NOT EXISTS (SELECT FROM pg_constraint
            WHERE conrelid = to_regclass(name) AND conname = 'detached') THEN
        RAISE EXCEPTION 'not a detached month: %', name;
    END IF;
    EXECUTE format('ALTER TABLE %I ALTER tenant_id DROP DEFAULT, ALTER batch_id DROP DEFAULT, ALTER source DROP DEFAULT', name);
    EXECUTE format('ALTER TABLE audience_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
        first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT detached', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
        USING (tenant_id = nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint)
        WITH CHECK (tenant_id = nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint)$p$, name);
END $$;
REVOKE EXECUTE ON FUNCTION audience_detach_month(date, bigint), audience_attach_month(text) FROM PUBLIC;
"""
DROP = """
DROP FUNCTION audience_detach_month(date, bigint);
DROP FUNCTION audience_attach_month(text);
"""


class Migration(migrations.Migration):
    dependencies = [("audience", "0003_event_table")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
