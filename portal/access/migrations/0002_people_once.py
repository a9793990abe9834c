"""One person for each user name and e-mail address, and the e-mails that tell people of changes to their sign-in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower


def one_person_each(apps, schema_editor):
    """The oldest account keeps a name or an address; what the others lose stands in the audit trail."""
    User = apps.get_model("access", "User")
    User.objects.exclude(email=Lower("email")).update(email=Lower("email"))
    for user in _later(User.objects.exclude(email=""), "email"):
        _tell(apps, user, "email", user.email, "", "another person has it, too")
        User.objects.filter(pk=user.pk).update(email="")
    for user in _later(User.objects.all(), "username"):
        new = f"{user.username[:125]}~{user.pk}"  # no user name may hold a ~, so nobody has this one
        _tell(apps, user, "username", user.username, new, "another person has it, too")
        User.objects.filter(pk=user.pk).update(username=new)


def _later(rows, column):
    """All but the oldest of those whose column is the same but for its case."""
    seen = set()
    for user in rows.annotate(low=Lower(column)).order_by("pk"):
        if user.low in seen:
            yield user
        seen.add(user.low)


def only_the_admins_address(apps, schema_editor):
    """Addresses that people added themselves no longer sign anybody in and get no password links."""
    EmailAddress = apps.get_model("account", "EmailAddress")
    for row in EmailAddress.objects.select_related("user").order_by("pk"):
        if row.email.lower() != row.user.email:
            _tell(apps, row.user, "sign-in address", row.email, "", "no admin gave it")
            row.delete()


def _tell(apps, user, field, old, new, why):
    name = f"{user.first_name} {user.last_name}".strip() or user.username
    to = f" and is now {new}" if new else ""
    apps.get_model("audit", "AuditEvent").objects.create(
        actor="Patch Portal",
        kind="person.changed",
        subject_type="person",
        subject_id=str(user.pk),
        summary=f"Took the {field} {old} from {name}{to}, while the portal was upgraded: {why}",
        detail={"changed": {field: [old, new]}},
    )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("audit", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [
        migrations.AddField("user", "must_change_password", models.BooleanField(default=False)),
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
                "indexes": [models.Index(condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="security_notice_due")],
            },
        ),
        migrations.RunPython(one_person_each, migrations.RunPython.noop),
        migrations.RunPython(only_the_admins_address, migrations.RunPython.noop),
        migrations.AddConstraint("user", models.UniqueConstraint(Lower("username"), name="username_once")),
        migrations.AddConstraint(
            "user",
            models.UniqueConstraint(Lower("email"), condition=models.Q(("email", ""), _negated=True), name="email_once"),
        ),
    ]
