from __future__ import annotations

from django.db import migrations, models

OPEN = ("claimed", "sending", "sent", "unknown", "adopted")


def keep_the_places_of_open_commands(apps, schema_editor):
    """What is under way was told the old place; it is read from there."""
    Dispatch = apps.get_model("patching", "Dispatch")
    for dispatch in Dispatch.objects.filter(state__in=OPEN).only("pk", "run_id").iterator():
        place = f"output/run={dispatch.run_id}/dispatch={dispatch.pk}"
        Dispatch.objects.filter(pk=dispatch.pk).update(output_prefix=place)


class Migration(migrations.Migration):

    dependencies = [
        ('patching', '0009_run_queues'),
    ]

    operations = [
        migrations.AddField(
            model_name='dispatch',
            name='output_prefix',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='hostreport',
            name='evidence_sha256',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='hostreport',
            name='remark',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.RunPython(keep_the_places_of_open_commands, migrations.RunPython.noop),
    ]
