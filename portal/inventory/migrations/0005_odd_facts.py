from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0003_longer_profiles_and_tag_drift'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='unstored',
            field=models.TextField(blank=True, default=''),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='asset',
            name='oddities',
            field=models.JSONField(default=list),
        ),
    ]
