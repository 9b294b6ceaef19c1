from django.db import migrations

ROLES = ["analyst", "auditor", "api", "administrator"]


def make_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in ROLES:
        groups.get_or_create(name=name)


def remove_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    """The roles themselves. `accounts.roles.grant_roles` gives them their permissions, which do not
    exist before every app has migrated."""

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(make_roles, remove_roles),
    ]
