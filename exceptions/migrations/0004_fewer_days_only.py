"""A transaction of its own: PostgreSQL does not alter a table whose changed rows wait for their triggers."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("exceptions", "0003_fewer_days")]

    operations = [
        migrations.AlterField("exceptionrequest", "asked_to_date", models.DateField()),
        migrations.AddConstraint(
            "exceptionrequest",
            models.CheckConstraint(
                condition=Q(to_date__lte=F("asked_to_date")), name="exception_not_longer_than_asked"
            ),
        ),
    ]
