from django.db import migrations, models


class Migration(migrations.Migration):
    """What hosts withhold, the release that they are pinned to, and whether their window wants a newer one."""

    dependencies = [("patching", "0016_open_since")]

    operations = [
        *(
            migrations.AddField(model, "withheld_count", models.PositiveIntegerField(null=True))
            for model in ("target", "assetpatchstate")
        ),
        *(
            migrations.AddField(model, name, models.CharField(blank=True, default="", max_length=300), preserve_default=False)
            for model in ("target", "assetpatchstate")
            for name in ("release", "newest_release")
        ),
        migrations.AddField("target", "behind", models.BooleanField(default=False)),
        migrations.AddField("assetpatchstate", "last_behind", models.BooleanField(default=False)),
    ]
