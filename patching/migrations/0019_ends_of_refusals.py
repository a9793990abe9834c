from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patching', '0018_kernel_boot_default'),
    ]

    operations = [
        migrations.AddField(
            model_name='powerhold',
            name='hibernated',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='powerhold',
            name='releasing_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='powerhold',
            name='stop_attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='restore',
            name='running_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='schedulerhold',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='schedulerhold',
            name='due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='powerhold',
            name='state',
            field=models.CharField(choices=[('wanted', 'To be started'), ('starting', 'Starting'), ('held', 'Running for the run'), ('releasing', 'To be stopped'), ('released', 'Stopped again'), ('kept', 'Left running'), ('not_stopped', 'Could not be stopped'), ('failed', 'Could not be started')], default='wanted', max_length=16),
        ),
        migrations.AlterField(
            model_name='rootsnapshot',
            name='state',
            field=models.CharField(choices=[('wanted', 'To be taken'), ('creating', 'Being asked for'), ('unknown', 'Answer lost, looking for it'), ('taken', 'Taken, still being copied'), ('completed', 'Complete'), ('failed', 'Failed'), ('deleting', 'Being deleted'), ('deleted', 'Deleted'), ('left', 'Left in the account')], default='wanted', max_length=12),
        ),
    ]
