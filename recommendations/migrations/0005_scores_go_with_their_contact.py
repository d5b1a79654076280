"""A score goes with its contact, so that undoing an upload of contacts is not stopped by scores made since."""

from django.db import migrations

DROP = "ALTER TABLE recommendations_contactscore DROP CONSTRAINT recommendations_contactscore_contact_id_tenant_fk"
ADD = (
    "ALTER TABLE recommendations_contactscore ADD CONSTRAINT recommendations_contactscore_contact_id_tenant_fk "
    "FOREIGN KEY (tenant_id, contact_id) REFERENCES audience_contact (tenant_id, id) {}DEFERRABLE INITIALLY DEFERRED"
)


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0004_score_percentile"), ("audience", "0002_protect")]

    operations = [migrations.RunSQL([DROP, ADD.format("ON DELETE CASCADE ")], [DROP, ADD.format("")])]
