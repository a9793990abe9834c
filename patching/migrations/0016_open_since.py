"""Since when updates are open on an asset; of what is known already, since the last look."""

from django.db import migrations, models
from django.db.models import F


def open_at_the_last_look(apps, schema_editor):
    states = apps.get_model("patching", "AssetPatchState").objects
    states.filter(available_count__gt=0).update(updates_open_since=F("last_run_at"))
    states.filter(security_count__gt=0).update(security_open_since=F("last_run_at"))


class Migration(migrations.Migration):
    dependencies = [("patching", "0015_hindrances")]

    operations = [
        migrations.AddField("assetpatchstate", "updates_open_since", models.DateTimeField(null=True)),
        migrations.AddField("assetpatchstate", "security_open_since", models.DateTimeField(null=True)),
        migrations.RunPython(open_at_the_last_look, migrations.RunPython.noop, elidable=True),
    ]
