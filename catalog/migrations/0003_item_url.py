"""Items are found by their address: the tracker knows pages by it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_protect"),
        ("catalog", "0002_protect"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("url", ""), _negated=True), fields=["tenant", "url"], name="item_url"
            ),
        ),
    ]
