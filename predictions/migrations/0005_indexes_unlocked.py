from django.db import migrations, models

from mlcore.unlocked import ReplaceIndexes, ValidateCheck

BEFORE = [
    models.Index(fields=["-created_at", "-id"], name="prediction_newest"),
    models.Index(
        fields=["employee_id", "-created_at"],
        name="prediction_employee",
        opclasses=["varchar_pattern_ops", "timestamptz_ops"],
    ),
    models.Index(fields=["band", "-created_at", "-id"], name="prediction_band"),
]
AFTER = [
    models.Index(
        fields=["employee_id", "-created_at", "-id"],
        name="prediction_employee",
        opclasses=["varchar_pattern_ops", "timestamptz_ops", "uuid_ops"],
    ),
    models.Index(
        fields=["created_at", "id", "employee_id", "band", "source", "model_version", "batch"],
        name="prediction_newest",
    ),
    models.Index(
        fields=["model_version", "source", "band", "created_at", "id"], name="prediction_kind"
    ),
    models.Index(
        condition=models.Q(("batch__isnull", True)),
        fields=["request_id"],
        name="prediction_request",
    ),
    models.UniqueConstraint(
        condition=models.Q(("batch__isnull", False)),
        fields=("batch", "row"),
        name="one_prediction_per_row",
    ),
]


class Migration(migrations.Migration):
    """What 0003 did at first, in one transaction in which nobody could be assessed.

    A database that has seen it like that has all of this already, and keeps it.
    """

    atomic = False

    dependencies = [
        ("predictions", "0004_group_names"),
    ]

    operations = [
        ReplaceIndexes(model_name="prediction", before=BEFORE, after=AFTER),
        ValidateCheck(model_name="prediction", name="predictions_prediction_row_check"),
    ]
