from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patching", "0017_withheld"),
    ]

    operations = [
        migrations.AddField(
            model_name="assetpatchstate",
            name="kernel_boot_default",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
    ]
