"""A prediction is added and read. Nothing changes or deletes it, by whatever door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, ProtectedError

from mlcore import append_only, registry
from mlcore.engine import artifact
from mlcore.models import Activation, ModelFiles, ModelVersion
from predictions.models import AppendOnlyError, Prediction
from predictions.models.prediction import time_ordered_uuid

TABLE = "predictions_prediction"


@pytest.fixture
def prediction(record, alice):
    """One that is there, and must be the same at the end of the test."""
    prediction = record(alice)
    before = Prediction.objects.values().get()
    yield prediction
    assert Prediction.objects.values().get() == before


@pytest.fixture
def refused():
    """Runs SQL, and insists that the database refuses it."""

    def run(sql, parameters=()):
        # PostgreSQL truncates nothing while checks of references are pending.
        connection.check_constraints()
        with (
            pytest.raises(DatabaseError, match="is append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, parameters)

    return run


class TestInTheAdmin:
    @pytest.fixture(params=["bob", "carol", "root"])
    def signed_in(self, request, client, prediction):
        client.force_login(request.getfixturevalue(request.param))
        return client

    @pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
    def test_there_is_no_page_to_add_or_delete(self, signed_in, prediction, page):
        address = f"/admin/predictions/prediction/{page.format(pk=prediction.pk)}"
        assert signed_in.get(address).status_code == 403
        assert signed_in.post(address, {"post": "yes", "probability": "0.1"}).status_code == 403

    @pytest.mark.parametrize("more", [{}, {"_save": "1"}, {"_saveasnew": "1"}, {"_continue": "1"}])
    def test_its_page_changes_nothing(self, signed_in, prediction, more):
        address = f"/admin/predictions/prediction/{prediction.pk}/change/"
        page = signed_in.get(address)
        assert page.status_code == 200
        assert not page.context["has_change_permission"]
        assert "<input" not in page.text.split('id="content-main"')[1]
        fields = {"employee_id": "someone else", "probability": "0.1", **more}
        assert signed_in.post(address, fields).status_code == 403

    @pytest.mark.parametrize("action", ["delete_selected", "", "nonsense"])
    def test_no_action_of_the_list_does(self, signed_in, prediction, action):
        fields = {
            "index": "0",
            "action": action,
            "_selected_action": [str(prediction.pk)],
            "post": "yes",
        }
        assert signed_in.post("/admin/predictions/prediction/", fields).status_code in {200, 302}

    def test_the_list_cannot_be_edited(self, signed_in, prediction):
        fields = {
            "form-TOTAL_FORMS": "1",
            "form-INITIAL_FORMS": "1",
            "form-0-id": str(prediction.pk),
            "form-0-employee_id": "someone else",
            "_save": "1",
        }
        assert signed_in.post("/admin/predictions/prediction/", fields).status_code == 200

    def test_two_actions_are_offered(self, signed_in):
        page = signed_in.get("/admin/predictions/prediction/")
        offered = [name for name, _label in page.context["action_form"].fields["action"].choices]
        assert offered == ["", "export_csv", "export_xlsx"]


class TestByTheModel:
    def test_an_instance_is_not_saved_again(self, prediction):
        prediction.employee_id = "someone else"
        for arguments in ({}, {"force_update": True}, {"update_fields": ["employee_id"]}):
            with pytest.raises(AppendOnlyError):
                prediction.save(**arguments)

    def test_one_that_was_read_is_not_saved(self, prediction):
        with pytest.raises(AppendOnlyError):
            Prediction.objects.get().save()

    def test_one_of_the_same_number_is_not_saved_over_it(self, prediction):
        twin = Prediction.objects.get()
        twin._state.adding = True
        twin.probability = 0.5
        with pytest.raises(IntegrityError), transaction.atomic():
            twin.save()

    def test_an_instance_is_not_deleted(self, prediction):
        with pytest.raises(AppendOnlyError):
            prediction.delete()

    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: rows.update(probability=0.1),
            lambda rows: rows.filter(band="low").update(employee_id=F("request_id")),
            lambda rows: rows.none().update(probability=0.1),
            lambda rows: rows.delete(),
            lambda rows: rows.filter(band="low").delete(),
            lambda rows: rows.bulk_update(list(rows), ["probability"]),
            lambda rows: rows.update_or_create(
                pk=rows.get().pk, defaults={"employee_id": "someone else"}
            ),
        ],
    )
    def test_nor_are_many(self, prediction, change):
        with pytest.raises(AppendOnlyError), transaction.atomic():
            change(Prediction.objects.all())

    def test_writing_in_bulk_does_not_write_over(self, prediction):
        twin = Prediction.objects.get()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            Prediction.objects.bulk_create(
                [twin],
                update_conflicts=True,
                update_fields=["probability"],
                unique_fields=["id"],
            )

    def test_what_django_does_beneath_the_model_is_refused_by_the_database(self, prediction):
        for write in (
            lambda rows: rows._raw_delete(rows.db),
            lambda rows: rows._update([(Prediction._meta.get_field("band"), None, "low")]),
        ):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                write(Prediction.objects.order_by())


class TestInTheDatabase:
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE {table} SET probability = 0.1",
            "UPDATE {table} SET probability = probability",
            "UPDATE {table} SET employee_id = '' WHERE employee_id = 'E-1024'",
            "DELETE FROM {table}",
            "DELETE FROM {table} WHERE employee_id = 'E-1024'",
        ],
    )
    def test_whole_table_and_single_row(self, prediction, refused, sql):
        refused(sql.format(table=TABLE))

    def test_by_its_number(self, prediction, refused):
        field = Prediction._meta.pk
        number = field.get_db_prep_value(prediction.pk, connection)
        refused(f"UPDATE {TABLE} SET band = 'low' WHERE id = %s", [number])
        refused(f"DELETE FROM {TABLE} WHERE id = %s", [number])

    def test_in_the_place_of_another(self, prediction, refused):
        columns = ", ".join(f.column for f in Prediction._meta.concrete_fields)
        copy = f"INTO {TABLE} ({columns}) SELECT {columns} FROM {TABLE}"
        if connection.vendor == "postgresql":
            refused(f"INSERT {copy} ON CONFLICT (id) DO UPDATE SET probability = 0.1")
        else:
            refused(f"INSERT {copy} WHERE true ON CONFLICT (id) DO UPDATE SET probability = 0.1")

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own statement")
    @pytest.mark.parametrize("column", ["id", "rowid"])
    def test_replace_is_refused(self, record, alice, refused, column):
        record(alice)
        columns = [f.column for f in Prediction._meta.concrete_fields]
        values = {name: name for name in columns} | {"probability": "0.1"}
        if column == "rowid":
            values |= {"rowid": "rowid", "id": "'00000000000000000000000000000000'"}
        refused(
            f"REPLACE INTO {TABLE} ({', '.join(values)}) "
            f"SELECT {', '.join(values.values())} FROM {TABLE}"
        )

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own statements")
    @pytest.mark.parametrize(
        "sql",
        [
            "TRUNCATE {table}",
            "TRUNCATE {table} CASCADE",
            "TRUNCATE accounts_user CASCADE",
            "UPDATE {table} SET probability = 0.1 WHERE false",
            "WITH gone AS (DELETE FROM {table} RETURNING id) SELECT count(*) FROM gone",
            "MERGE INTO {table} t USING {table} s ON t.id = s.id WHEN MATCHED THEN DELETE",
        ],
    )
    def test_postgresql_has_more_ways_and_none_is_open(self, prediction, refused, sql):
        refused(sql.format(table=TABLE))

    def test_rows_are_still_added(self, record, alice):
        record(alice)
        record(alice)
        assert Prediction.objects.count() == 2


class TestWhatItRefersTo:
    def test_a_person_who_asked_is_not_deleted(self, prediction, alice):
        with pytest.raises(ProtectedError):
            alice.delete()

    def test_a_model_that_was_used_is_not_deleted(self, prediction):
        Activation.objects.all().delete()
        with pytest.raises(ProtectedError):
            ModelVersion.objects.get().delete()

    @pytest.mark.parametrize("table", ["accounts_user", "mlcore_modelversion"])
    @pytest.mark.django_db(transaction=True)
    def test_nor_by_sql(self, record, alice, table):
        record(alice)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_user_groups")
            cursor.execute("DELETE FROM mlcore_activation")
            with pytest.raises(IntegrityError):
                cursor.execute(f"DELETE FROM {table}")
        assert Prediction.objects.select_related("requested_by", "model_version").count() == 1


class TestTheGuard:
    def test_migrate_puts_the_triggers_back(self, prediction, refused):
        append_only.remove(connection)
        assert append_only.unguarded(connection) == list(append_only.guarded())
        call_command("migrate", verbosity=0)
        assert append_only.unguarded(connection) == []
        refused(f"DELETE FROM {TABLE}")

    def test_the_check_is_silent_when_all_is_well(self, active_model):
        call_command("check", databases=["default"], fail_level="WARNING")

    def test_the_check_tells_of_a_missing_trigger(self, active_model):
        append_only.remove(connection)
        with pytest.raises(CommandError, match=r"predictions\.W002") as error:
            call_command("check", databases=["default"], fail_level="WARNING")
        assert "manage.py migrate" in str(error.value)
        append_only.install(connection)

    def test_a_missing_trigger_does_not_keep_migrate_from_putting_it_back(self, active_model):
        append_only.remove(connection)
        call_command("migrate", verbosity=0, skip_checks=False)
        assert append_only.unguarded(connection) == []

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has a trigger per event")
    @pytest.mark.parametrize("event", ["update", "delete", "replace"])
    def test_one_of_two_triggers_is_not_enough(self, active_model, event):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {TABLE}_append_only_{event}")
        assert append_only.unguarded(connection) == [TABLE]
        append_only.install(connection)

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL can switch them off")
    def test_a_trigger_that_is_switched_off_counts_as_missing(self, active_model):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL")
            assert append_only.unguarded(connection) == [TABLE]
            cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER ALL")
        assert append_only.unguarded(connection) == []

    @pytest.mark.parametrize(
        "alter",
        [
            lambda files: files | {"model.json": files["model.json"].replace(b"1", b"2", 1)},
            lambda files: {name: files[name] for name in files if name != "model.json"},
            lambda files: files | {"manifest.json": b"{}"},
        ],
        ids=["a changed file", "a missing file", "another manifest"],
    )
    def test_the_check_tells_of_an_altered_model(self, active_model, alter):
        call_command("check", databases=["default"], fail_level="WARNING")
        files = artifact.read(registry.BUNDLED_FOLDER)
        ModelFiles.objects.update(content=artifact.pack(alter(files)))
        registry.forget()
        with pytest.raises(CommandError, match=r"predictions\.W001"):
            call_command("check", databases=["default"], fail_level="WARNING")

    def test_the_check_tells_that_no_model_is_active(self, db):
        with pytest.raises(CommandError, match=r"predictions\.W001"):
            call_command("check", databases=["default"], fail_level="WARNING")


def calls_that_write_predictions(source: str) -> list[int]:
    """Lines that make a `Prediction`, or have its manager make one."""
    writers = {"create", "acreate", "bulk_create", "abulk_create", "get_or_create"}
    writers |= {"aget_or_create", "update_or_create", "aupdate_or_create"}
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="Prediction") | ast.Attribute(attr="Prediction"):
                lines.append(node.lineno)
            case ast.Attribute(attr=attr, value=value) if attr in writers:
                if "Prediction.objects" in ast.unparse(value):
                    lines.append(node.lineno)
    return lines


def test_a_writer_of_predictions_is_recognised():
    assert calls_that_write_predictions("Prediction(id=1)") == [1]
    assert calls_that_write_predictions("models.Prediction()") == [1]
    assert calls_that_write_predictions("\nPrediction.objects.using('x').bulk_create([])") == [2]
    assert calls_that_write_predictions("Prediction.objects.filter(id=1)") == []


def test_the_service_alone_writes_predictions():
    root = Path(settings.BASE_DIR)
    writers = {
        str(file.relative_to(root))
        for package in ("attrition_site", "accounts", "mlcore", "predictions")
        for file in (root / package).rglob("*.py")
        if "migrations" not in file.parts
        and calls_that_write_predictions(file.read_text(encoding="utf-8"))
    }
    assert writers == {"predictions/services.py"}


def test_numbers_rise_with_time():
    numbers = [time_ordered_uuid() for _number in range(3)]
    assert {number.version for number in numbers} == {7}
    milliseconds = [number.int >> 80 for number in numbers]
    assert milliseconds == sorted(milliseconds)
