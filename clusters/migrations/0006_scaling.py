from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clusters', '0005_cluster_claim'),
    ]

    operations = [
        migrations.AddField(
            model_name='servergroup',
            name='scaling',
            field=models.JSONField(default=dict),
        ),
    ]
