"""What was asked for stays when fewer days are granted, and an approval tells until when it grants."""

from django.db import migrations, models
from django.db.models import F


def asked_as_it_stands(apps, schema_editor):
    """Until now what was asked for was granted or not, never shortened."""
    apps.get_model("exceptions", "ExceptionRequest").objects.update(asked_to_date=F("to_date"))


class Migration(migrations.Migration):
    dependencies = [("exceptions", "0002_guards")]

    operations = [
        migrations.AddField("exceptionrequest", "asked_to_date", models.DateField(null=True)),
        migrations.RunPython(asked_as_it_stands, migrations.RunPython.noop, elidable=True),
        migrations.AddField("approval", "granted_to_date", models.DateField(null=True)),
    ]
