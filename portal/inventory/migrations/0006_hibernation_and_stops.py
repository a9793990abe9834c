from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0005_odd_facts'),
    ]

    operations = [
        migrations.AddField(
            model_name='asset',
            name='state_reason',
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
