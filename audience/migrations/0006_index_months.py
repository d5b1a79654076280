"""Months that are loaded as tables of their own get their indexes as soon as the file has moved on to other months.

The indexes are those of the event table, so attaching the month later takes them over instead of building them then:
the database works on them while the file is still being read.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION audience_index_month(name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    definition text;
BEGIN
    IF name !~ '^audience_event_[0-9]{4}_[0-9]{2}$' OR NOT EXISTS (SELECT FROM pg_constraint
            WHERE conrelid = to_regclass(name) AND conname = 'detached') THEN
        RAISE EXCEPTION 'not a detached month: %', name;
    END IF;
    EXECUTE format('ALTER TABLE %I ADD %s', name, (SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'audience_event'::regclass AND contype = 'p'));
    FOR definition IN SELECT pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = 'audience_event'::regclass AND NOT indisprimary
    LOOP
        EXECUTE regexp_replace(definition, '^CREATE (UNIQUE )?INDEX \\S+ ON (ONLY )?\\S+',
            format('CREATE \\1INDEX ON %I', name));
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION audience_index_month(text) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("audience", "0005_following_and_erasure")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION audience_index_month(text)")]
