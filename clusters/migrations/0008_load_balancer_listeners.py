from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clusters", "0007_freshness_by_kind")]

    operations = [
        migrations.AddField("loadbalancer", "more_listeners", models.JSONField(default=list)),
        migrations.AddField("loadbalancer", "zones", models.JSONField(default=list)),
    ]
