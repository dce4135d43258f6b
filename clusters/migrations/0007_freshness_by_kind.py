from django.db import migrations, models

#: What was known of a region was known of each kind in it.
SPLIT = """
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO clusters_freshness (account_id, region, kind, refreshed_at, error)
SELECT account_id, region, other, refreshed_at, error
FROM clusters_freshness, unnest(ARRAY['images', 'load_balancers', 'security_groups']) AS other
"""
JOIN = "DELETE FROM clusters_freshness WHERE kind <> 'server_groups'"

ROWS = ["image", "instance", "loadbalancer", "securitygroup", "servergroup"]


class Migration(migrations.Migration):
    dependencies = [
        ("clusters", "0006_scaling"),
    ]

    operations = [
        migrations.RemoveConstraint("freshness", "freshness_once"),
        migrations.AddField(
            "freshness",
            "kind",
            models.CharField(
                choices=[
                    ("images", "images"),
                    ("server_groups", "server groups"),
                    ("load_balancers", "load balancers"),
                    ("security_groups", "firewalls"),
                ],
                default="server_groups",
                max_length=16,
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(SPLIT, JOIN),
        migrations.AddConstraint(
            "freshness",
            models.UniqueConstraint(fields=["account", "region", "kind"], name="freshness_once"),
        ),
        *(
            migrations.AddField(
                name, "digest", models.CharField(blank=True, default="", editable=False, max_length=32)
            )
            for name in ROWS
        ),
        migrations.AddField(
            "servergroup", "mark", models.CharField(blank=True, default="", editable=False, max_length=64)
        ),
    ]
