from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, close_old_connections, connection, transaction

from mlcore import registry, services
from mlcore.engine.artifact import ArtifactError
from mlcore.models import Activation, ModelFiles
from mlcore.registry import ModelUnavailableError


@pytest.fixture
def clock(monkeypatch, settings):
    """What time it is in the registry; a model is asked for every two seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(registry, "time", SimpleNamespace(monotonic=lambda: clock.now))
    settings.MODEL_REFRESH_SECONDS = 2.0
    return clock


def current():
    return Activation.objects.get(is_current=True).model_version


class TestActivating:
    def test_a_model_takes_the_place_of_the_active_one(self, make_model, carol):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first", by=carol)
        activation = services.activate(version=summer, reason="better by far", by=carol)
        assert current() == summer
        assert (activation.activated_by, activation.reason) == (carol, "better by far")
        assert registry.active().version == summer.version

    def test_the_past_stays_on_record(self, make_model):
        spring, summer = make_model("spring"), make_model("summer")
        for version in (spring, summer, spring):
            services.activate(version=version, reason="a change of mind")
        history = Activation.objects.order_by("pk").values_list("model_version", "is_current")
        assert list(history) == [(spring.pk, False), (summer.pk, False), (spring.pk, True)]

    def test_the_database_itself_allows_one_active_model(self, make_model):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        with pytest.raises(IntegrityError), transaction.atomic():
            Activation.objects.create(model_version=summer, reason="behind everyone's back")
        with (
            pytest.raises(IntegrityError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO mlcore_activation (model_version_id, activated_at, reason, is_current)"
                " VALUES (%s, '2026-01-01 00:00:00+00:00', 'by hand', %s)",
                [summer.pk, True],
            )
        assert current() == spring

    def test_an_altered_model_stays_idle(self, make_model, alter_kept, caplog):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        alter_kept(summer)
        with pytest.raises(ArtifactError, match="altered"):
            services.activate(version=summer, reason="better")
        assert current() == spring
        assert [(r.levelname, summer.version in r.getMessage()) for r in caplog.records] == [
            ("ERROR", True)
        ]

    def test_a_model_that_is_another_than_recorded_stays_idle(self, make_model):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        kept = ModelFiles.objects.get(pk=spring.pk).content
        ModelFiles.objects.filter(pk=summer.pk).update(content=kept)
        with pytest.raises(ArtifactError, match="was recorded"):
            services.activate(version=summer, reason="better")
        assert current() == spring

    def test_a_model_whose_files_are_gone_stays_idle(self, make_model):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        ModelFiles.objects.filter(pk=summer.pk).delete()
        with pytest.raises(ArtifactError, match="are gone"):
            services.activate(version=summer, reason="better")
        assert current() == spring


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer at a time")
def test_activations_at_the_same_moment_go_one_after_the_other(make_model):
    versions = [make_model(name) for name in ("spring", "summer", "autumn", "winter")]
    services.activate(version=versions[0], reason="the first")
    together = threading.Barrier(len(versions))
    failures = []

    def activate(version):
        together.wait(10)
        try:
            services.activate(version=version, reason="now")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=[version]) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert Activation.objects.count() == 1 + len(versions)
    assert registry.active().id == current().pk


class TestServing:
    def test_a_process_asks_which_model_is_active_every_few_seconds(
        self, make_model, clock, django_assert_num_queries
    ):
        services.activate(version=make_model("spring"), reason="the first")
        with django_assert_num_queries(2):  # which one it is, and its files
            first = registry.active()
        clock.now += 1.9
        with django_assert_num_queries(0):
            assert registry.active() is first
        clock.now += 0.2
        with django_assert_num_queries(1):
            assert registry.active() is first
        with django_assert_num_queries(0):
            assert registry.active() is first

    def test_the_files_are_read_only_when_the_answer_changes(self, make_model, clock):
        services.activate(version=make_model("spring"), reason="the first")
        first = registry.active()
        ModelFiles.objects.all().delete()
        clock.now += 10
        assert registry.active() is first

    def test_the_activation_of_another_process_is_seen_after_a_while(self, make_model, clock):
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        assert registry.active().version == spring.version
        # What another process does, this one is not told of.
        Activation.objects.update(is_current=False)
        Activation.objects.create(model_version=summer, reason="elsewhere")
        assert registry.active().version == spring.version
        clock.now += 2.1
        assert registry.active().version == summer.version

    def test_the_activation_of_this_process_is_seen_at_once(self, make_model, clock):
        for name in ("spring", "summer"):
            version = make_model(name)
            services.activate(version=version, reason="now")
            assert registry.active().version == version.version

    def test_an_activation_is_forgotten_again_when_it_is_committed(
        self, make_model, clock, django_capture_on_commit_callbacks
    ):
        """Someone may have asked between the activation and its commit, and got the old answer."""
        spring, summer = make_model("spring"), make_model("summer")
        services.activate(version=spring, reason="the first")
        before = registry.active()
        with django_capture_on_commit_callbacks(execute=True):
            services.activate(version=summer, reason="better")
            registry._memory.active, registry._memory.asked_at = before, clock.now
        assert registry.active().version == summer.version

    def test_without_an_active_model_there_is_none_to_use(self, make_model):
        make_model("spring")
        with pytest.raises(ModelUnavailableError, match="No model is active"):
            registry.active()
        assert not registry.is_loaded()

    @pytest.mark.parametrize("name", ["model.json", "operating_point.json", "manifest.json"])
    def test_an_altered_file_is_not_used(self, make_model, alter_kept, caplog, name):
        spring = make_model("spring")
        services.activate(version=spring, reason="the first")
        registry.forget()
        alter_kept(spring, name)
        for _ in range(3):
            with pytest.raises(ModelUnavailableError):
                registry.active()
        assert not registry.is_loaded()
        # Loudly, and once: not with every request.
        assert [(r.levelname, spring.version in r.getMessage()) for r in caplog.records] == [
            ("ERROR", True)
        ]

    def test_files_that_are_no_archive_are_not_used(self, make_model):
        services.activate(version=make_model("spring"), reason="the first")
        registry.forget()
        ModelFiles.objects.update(content=b"junk")
        with pytest.raises(ModelUnavailableError, match="ZIP"):
            registry.active()

    def test_a_model_is_used_again_once_its_files_are_back(self, make_model):
        version = make_model("spring")
        services.activate(version=version, reason="the first")
        ModelFiles.objects.all().delete()
        registry.forget()
        with pytest.raises(ModelUnavailableError, match="are gone"):
            registry.active()
        make_model("spring")
        assert registry.active().version == version.version

    def test_a_model_that_is_withdrawn_is_not_used_any_more(self, make_model, clock):
        services.activate(version=make_model("spring"), reason="the first")
        registry.active()
        Activation.objects.update(is_current=False)
        clock.now += 2.1
        with pytest.raises(ModelUnavailableError):
            registry.active()


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_one_asks_and_the_others_wait_for_its_answer(make_model, clock):
    services.activate(version=make_model("spring"), reason="the first")
    asked, answers = [], []
    together = threading.Barrier(8)

    def count(execute, *args):
        asked.append(args[0])
        return execute(*args)

    def ask():
        close_old_connections()
        try:
            with connection.execute_wrapper(count):
                together.wait(10)
                answers.append(registry.active())
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 8
    assert all(answer is answers[0] for answer in answers)
    assert len(asked) == 2  # which model it is, and its files
