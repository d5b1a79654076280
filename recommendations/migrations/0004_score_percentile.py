from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0003_serving_indexes")]

    operations = [
        migrations.AddField("contactscore", "percentile", models.FloatField(default=0), preserve_default=False),
        migrations.AddConstraint(
            "contactscore",
            models.CheckConstraint(
                condition=models.Q(percentile__gte=0, percentile__lte=100), name="contact_score_is_percentile"
            ),
        ),
    ]
