from __future__ import annotations

from django.db import migrations, models


def rename(apps, schema_editor):
    """No run ever entered it; whatever stands there is what Systems Manager calls in progress."""
    apps.get_model("patching", "Target").objects.filter(state="rebooting").update(state="in_dispatch")
    apps.get_model("patching", "AssetPatchState").objects.filter(last_state="rebooting").update(
        last_state="in_dispatch"
    )


class Migration(migrations.Migration):

    dependencies = [
        ('patching', '0013_audit_progress'),
    ]

    operations = [
        migrations.RunPython(rename, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='target',
            name='state',
            field=models.CharField(choices=[('planned', 'Planned'), ('waking', 'Starting'), ('waiting', 'Waiting for its turn'), ('checking', 'Being checked'), ('ready', 'Ready'), ('in_dispatch', 'Patching'), ('verifying', 'Verifying'), ('done', 'Done'), ('skipped', 'Left out'), ('blocked', 'Check failed'), ('lost', 'Lost'), ('halted', 'Halted before it was sent')], default='planned', max_length=16),
        ),
    ]
