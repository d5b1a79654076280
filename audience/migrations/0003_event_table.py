"""The partitioned event table, and the keys of the events that came with an id of their own.

The events' one index serves a contact's history and keeps loading cheap. A unique key of a partitioned table must hold
the time, so "one event per source id" is the primary key of `audience_event_key`; rows without an id of their own get a
`source_key` from their content, contact and time included, for which the events' primary key is enough.

No foreign keys on it: checking two of them per row costs more than writing the row, and the only writers
(audience/events.py) take contact and item ids from rows of the same tenant that they have just read.
"""

from django.db import migrations

from accounts.operations import protect_sql

TABLE = """
CREATE TABLE audience_event (
    tenant_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    item_id bigint,
    batch_id bigint,
    amount_fen bigint,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    source_key uuid NOT NULL,
    dwell_seconds double precision CHECK (dwell_seconds >= 0),
    value double precision,
    kind smallint NOT NULL,
    source smallint NOT NULL,
    text text,
    PRIMARY KEY (tenant_id, contact_id, occurred_at, source_key)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE audience_event_key (
    tenant_id bigint NOT NULL,
    source_key uuid NOT NULL,
    PRIMARY KEY (tenant_id, source_key)
);
"""

# Partitions are tables that the site's role may read directly, so each gets the same row-level security as the parent.
PARTITIONS = """
CREATE FUNCTION audience_make_partition(name text, bounds text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF audience_event %s', name, bounds);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = name AND policyname = 'tenant_isolation') THEN
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint)
            WITH CHECK (tenant_id = nullif(nullif(current_setting('app.tenant', true), ''), 'system')::bigint)$p$, name);
    END IF;
END $$;
CREATE FUNCTION audience_ensure_partitions(first_day date, last_day date) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', greatest(first_day, date '2020-01-01'))::date;
    num_made int := 0;
BEGIN
    IF last_day > now()::date + 40 THEN
        RAISE EXCEPTION 'events later than 40 days from now are refused';
    END IF;
    WHILE month <= last_day LOOP
        IF to_regclass(format('audience_event_%s', to_char(month, 'YYYY_MM'))) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('audience_ensure_partitions'));
            PERFORM audience_make_partition(
                format('audience_event_%s', to_char(month, 'YYYY_MM')),
                format('FOR VALUES FROM (%L) TO (%L)', month::timestamp AT TIME ZONE 'UTC',
                       (month + interval '1 month')::timestamp AT TIME ZONE 'UTC'));
            num_made := num_made + 1;
        END IF;
        month := (month + interval '1 month')::date;
    END LOOP;
    RETURN num_made;
END $$;
REVOKE EXECUTE ON FUNCTION audience_make_partition(text, text) FROM PUBLIC;
SELECT audience_make_partition('audience_event_before_2020', 'FOR VALUES FROM (MINVALUE) TO (''2020-01-01 00:00+00'')');
SELECT audience_ensure_partitions(current_date - 31, current_date + 31);
"""

DROP = """
DROP FUNCTION audience_ensure_partitions(date, date);
DROP FUNCTION audience_make_partition(text, text);
DROP TABLE audience_event;
DROP TABLE audience_event_key;
"""


class Migration(migrations.Migration):
    dependencies = [("audience", "0002_protect")]

    operations = [
        migrations.RunSQL(
            [TABLE, *protect_sql("audience_event"), *protect_sql("audience_event_key"), PARTITIONS], DROP
        ),
    ]
