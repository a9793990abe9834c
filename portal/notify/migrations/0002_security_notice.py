"""The e-mails about people's sign-in, in the table that portal.access made for them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notify", "0001_initial"), ("access", "0003_notices_stand_in_notify")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel(
                name="SecurityNotice",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("address", models.EmailField(max_length=254)),
                    ("sentence", models.TextField()),
                    ("created_at", models.DateTimeField()),
                    ("tries", models.PositiveSmallIntegerField(default=0)),
                    ("next_try_at", models.DateTimeField(null=True)),
                    ("sent_at", models.DateTimeField(null=True)),
                    ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="security_notices", to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    "db_table": "access_securitynotice",
                    "indexes": [models.Index(condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="security_notice_due")],
                },
            ),
        ]),
    ]
