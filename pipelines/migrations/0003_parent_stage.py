"""Which stage started an execution."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pipelines", "0002_engine")]

    operations = [
        migrations.AddField("execution", "parent_stage", models.UUIDField(null=True)),
        migrations.AddIndex(
            "execution",
            models.Index(
                fields=["parent_stage"],
                condition=models.Q(parent_stage__isnull=False),
                name="execution_by_parent",
            ),
        ),
    ]
