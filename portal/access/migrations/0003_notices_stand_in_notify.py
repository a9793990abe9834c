"""The e-mails about people's sign-in are the mail channel's: the table stays, notify takes it over."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("access", "0002_people_once")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("SecurityNotice")]),
    ]
