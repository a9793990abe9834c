from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patching', '0010_evidence_digest'),
    ]

    operations = [
        migrations.AddField(
            model_name='dispatch',
            name='left_out',
            field=models.TextField(blank=True, default=''),
            preserve_default=False,
        ),
    ]
