"""The demonstration for the public: what it says, who may frame it, and that it keeps nothing."""

import re

import pytest
import yaml
from django.urls import reverse

from accounts.demo import DEMO_ROLES
from tests.deployment import dockerfiles
from tests.deployment.dockerfiles import SPACE
from tests.deployment.installation import BASE_DIR, python, refusal, settings_with

README = (BASE_DIR / "deploy" / "space" / "README.md").read_text()
PASSWORD = "attrition-demo"


def demo(folder, **changed):
    unset = {"DATABASE_URL": None, "SECRET_KEY": None, "ATTRITION_ENV": "demo"}
    return settings_with(folder, **(unset | {"ALLOWED_HOSTS": ".hf.space"} | changed))


class TestTheSpace:
    def test_the_card_names_the_port_that_is_served(self):
        card = yaml.safe_load(README.split("---\n")[1])
        environment = dockerfiles.environment(SPACE)
        assert card["sdk"] == "docker"
        assert [str(card["app_port"])] == dockerfiles.of(SPACE, "EXPOSE") == [environment["PORT"]]
        assert environment["HOST"] == "0.0.0.0"

    def test_the_card_names_the_accounts_and_says_that_nothing_stays(self):
        assert set(re.findall(r"^\| `(\w+)` \|", README, re.M)) == DEMO_ROLES.keys()
        assert f"`{PASSWORD}`" in README
        assert "thrown away at each start" in README

    def test_it_starts_with_the_variables_of_its_image(self, tmp_path):
        told = dockerfiles.environment(SPACE) | {"VAR_DIR": str(tmp_path), "STATIC_ROOT": None}
        told.pop("PATH")
        settings = demo(tmp_path, **told)
        assert settings["DEMO"] is True
        assert settings["DEBUG"] is settings["DEVELOPMENT"] is False
        assert settings["SESSION_COOKIE_SECURE"] is True
        assert settings["SECURE_PROXY_SSL_HEADER"] is not None
        assert settings["TRUSTED_PROXIES"] == 1


class TestWhatADemonstrationMay:
    def test_it_meets_no_real_record(self, tmp_path):
        """With accounts that everyone knows, it never works on a database that someone named."""
        said = refusal(tmp_path, ATTRITION_ENV="demo")
        assert "DATABASE_URL is set, but a demonstration works on a database of its own" in said
        assert demo(tmp_path)["DATABASES"]["default"]["NAME"] == str(tmp_path / "demo.sqlite3")

    def test_its_key_is_its_own(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        keys = {demo(tmp_path / name, VAR_DIR=str(tmp_path / name))["SECRET_KEY"] for name in "ab"}
        assert len(keys) == 2

    def test_each_start_begins_without_what_was_entered_before(self, tmp_path):
        first, second = self.start(tmp_path), self.start(tmp_path)
        assert first == second
        accounts, predictions, visited = second
        assert (accounts, visited) == (len(DEMO_ROLES), 0)
        assert predictions > 1000

    def start(self, folder):
        """Begin a demonstration: how much it holds then; and a visitor's account in it."""
        visit = (
            "import os\n"
            "os.environ['DJANGO_SETTINGS_MODULE'] = 'attrition_site.settings'\n"
            "from attrition_site import run\n"
            "run.prepare()\n"
            "from accounts.models import User\n"
            "from predictions.models import Prediction\n"
            "visitors = User.objects.filter(username='visitor')\n"
            "print(User.objects.count(), Prediction.objects.count(), visitors.count())\n"
            "User.objects.create_user('visitor', 'of no importance')\n"
            "assert visitors.count() == 1"
        )
        told = {"ATTRITION_ENV": "demo", "ALLOWED_HOSTS": ".hf.space", "LOG_LEVEL": "WARNING"}
        unset = {"DATABASE_URL": None, "SECRET_KEY": None}
        static = str(folder / "staticfiles")
        status, said = python(folder, "-c", visit, **told, **unset, STATIC_ROOT=static)
        assert status == 0, said
        return [int(number) for number in said.splitlines()[-1].split()]


class TestFrames:
    def test_nobody_frames_the_pages_unless_named(self, tmp_path):
        settings = settings_with(tmp_path)
        directives = settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
        assert directives["frame-ancestors"] == ["'none'"]
        assert settings["X_FRAME_OPTIONS"] == "DENY"
        assert settings["SESSION_COOKIE_SAMESITE"] == "Lax"

    def test_who_is_named_may_and_its_frame_gets_the_cookies(self, tmp_path):
        settings = demo(tmp_path, FRAME_ANCESTORS="https://huggingface.co")
        directives = settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
        assert directives["frame-ancestors"] == ["https://huggingface.co"]
        for cookie in ("SESSION", "CSRF", "LANGUAGE"):
            assert settings[f"{cookie}_COOKIE_SAMESITE"] == "None"
            assert settings[f"{cookie}_COOKIE_SECURE"] is True

    def test_a_frame_without_https_is_refused(self, tmp_path):
        """A browser would throw such cookies away, and nobody could sign in."""
        said = refusal(tmp_path, ATTRITION_ENV="development", FRAME_ANCESTORS="https://a.example")
        assert "FRAME_ANCESTORS" in said


@pytest.mark.any_database
class TestThePages:
    PAGES = ("accounts:login", "api-docs", "admin:index", "home")

    @pytest.fixture
    def pages(self, client, carol, active_model):
        def pages(**headers):
            client.logout()
            yield client.get(reverse("accounts:login"), headers=headers).content.decode()
            client.force_login(carol)
            for name in self.PAGES[1:]:
                yield client.get(reverse(name), headers=headers, follow=True).content.decode()
            yield client.get("/nowhere/", headers=headers).content.decode()

        return pages

    def test_each_says_that_nothing_stays(self, settings, pages):
        settings.DEMO = True
        for page in pages():
            assert page.count("This is a demonstration.") == 1
            assert "Open it in a window of its own" not in page

    def test_none_says_so_where_records_are_real(self, pages):
        assert not any("demonstration" in page for page in pages())

    def test_within_a_frame_there_is_a_way_out(self, settings, pages):
        settings.DEMO = True
        for page in pages(**{"Sec-Fetch-Dest": "iframe"}):
            assert re.search(r'href="http://testserver/[^"]*" target="_blank"', page)

    def test_it_speaks_french(self, settings, client, db):
        settings.DEMO = True
        page = client.get(reverse("accounts:login"), headers={"Accept-Language": "fr"})
        assert "Ceci est une démonstration." in page.content.decode()


class TestItsAccounts:
    @pytest.fixture
    def hr(self, db, settings):
        from accounts.demo import make_demo_accounts
        from accounts.models import User

        settings.DEMO, settings.DEVELOPMENT = True, False
        make_demo_accounts(PASSWORD)
        return User.objects.get(username="hr")

    def test_the_published_password_opens_them(self, client, hr):
        posted = client.post(reverse("accounts:login"), {"username": "hr", "password": PASSWORD})
        assert posted.status_code == 302

    def test_no_visitor_takes_one_from_the_next(self, client, hr, carol):
        client.force_login(hr)
        new = "a-long-word-of-my-own"
        client.post(
            reverse("accounts:password_change"),
            {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
        )
        client.force_login(carol)
        change = reverse("admin:accounts_user_change", args=[hr.pk])
        assert client.post(change, {"username": "hr", "name": "", "role": "api"}).status_code == 403
        hr.refresh_from_db()
        assert hr.check_password(PASSWORD)
        assert hr.is_active
