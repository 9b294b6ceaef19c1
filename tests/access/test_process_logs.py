"""What the processes themselves write, as they are run: searched for what was planted."""

from __future__ import annotations

import http.cookiejar
import io
import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from django_q.tasks import async_task
from openpyxl import Workbook

from mlcore import registry
from predictions.batches import matching
from predictions.batches.first_rows import of as first_rows_of
from predictions.models import Batch
from tests.access.test_logs import BIRTH, FILE, MARK, PASSWORD, REFERENCE, WRONG_PASSWORD, person
from tests.observability.serving import Process

pytestmark = pytest.mark.django_db(transaction=True)

# Bytes that are no request, or half of one: the server speaks of these before Django does.
ODD = (
    b"GET /zplant HTTP/9.9\r\n\r\n",
    b"BREW /?zplant HTTP/1.1\r\nHost: x\r\n\r\n",
    b"zplant zplant zplant\r\n\r\n",
    b"GET /?zplant HTTP/1.1\r\nHost: zplant.example\r\nzplant header\r\n\r\n",
    b"GET /" + b"zplant" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /batches/new/?zplant HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nzplant",
    b"GET /predictions/?zplant=\xff%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
)


class Browser:
    """A browser that is on the network, with its cookies."""

    def __init__(self, port):
        self.site = f"http://127.0.0.1:{port}"
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def open(self, path, data=None, **headers):
        request = urllib.request.Request(self.site + path, data, headers)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.geturl().removeprefix(self.site), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return path, error.read().decode()

    def post(self, path, **fields):
        page = self.open(path)[1]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        return self.open(path, data)

    def upload(self, path, name, content):
        page = self.open(path)[1]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        part = '--limit\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
        head = part.format("csrfmiddlewaretoken", "") + f"{token}\r\n"
        head += part.format("file", f'; filename="{name}"')
        body = head.encode() + content + b"\r\n--limit--\r\n"
        return self.open(path, body, **{"Content-Type": "multipart/form-data; boundary=limit"})


def say(port, content):
    """Send bytes, and hang up after the first of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(content)
        line.settimeout(0.5)
        try:
            line.recv(100)
        except OSError:
            return


def workbook():
    book = Workbook()
    for line in FILE.splitlines():
        book.active.append(line.split(","))
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.fixture
def processes(tmp_path, active_model):
    """The web server and the background worker, at the level that writes most."""
    variables = {"LOG_LEVEL": "DEBUG", "SLOW_QUERY_MS": "1"}
    folders = [tmp_path / name for name in ("web", "worker")]
    for folder in folders:
        folder.mkdir()
    web = Process(folders[0], **variables)
    worker = Process(folders[1], "django", "qcluster", **variables)
    web.until(lambda: web.ask("/health")[0] == 200)
    yield web, worker
    web.stop()
    worker.stop()


def test_the_web_server_and_the_worker_write_nothing_that_is_anyone_s(processes, quick_passwords):
    web, worker = processes
    analyst, program = person("analyst", "analyst"), person("api", "program")
    browser = Browser(web.port)
    secrets = {MARK, BIRTH}

    with ThreadPoolExecutor(len(ODD)) as pool:
        list(pool.map(lambda content: say(web.port, content), ODD))
    sign_in = f"/accounts/login/?next=/predictions/employee/%3Freference%3D{REFERENCE}"
    browser.post(sign_in, username=analyst.username, password=WRONG_PASSWORD)
    address, _page = browser.post(sign_in, username=analyst.username, password=PASSWORD)
    assert address.startswith("/predictions/employee/")
    secrets |= {cookie.value for cookie in browser.jar}

    address, _page = browser.upload("/batches/new/", "Zplant Durand.xlsx", workbook())
    batch = Batch.objects.get()
    assert address == f"/batches/{batch.pk}/columns/"
    cells = [cells for _line, cells in first_rows_of(batch)]
    matched = matching.propose(batch, registry.active(), cells)
    fields = {f"column-{column.place}": column.field or "" for column in matched.columns}
    model = re.search(r'name="_model" value="(\w+)"', browser.open(address)[1])[1]
    browser.post(address, action="assess", _model=model, **fields)

    sent = {"username": program.username, "password": PASSWORD}
    pair = json.loads(web.ask("/api/v1/auth/token", body=sent)[1])
    secrets |= {pair["access"], pair["refresh"]}
    headers = {"Authorization": f"Bearer {pair['access']}"}
    employee = {"employee_id": REFERENCE, "monthly_income": "zplant-much"}
    assert web.ask("/api/v1/predict/attrition?zplant", body=employee, **headers)[0] == 422
    assert web.ask(f"/predict/history?employee_id={REFERENCE}", **headers)[0] == 200

    # A task that fails, and says a value as it does.
    async_task("builtins.int", "zplant-much")
    worker.until(lambda: not Batch.objects.get(pk=batch.pk).at_work)
    worker.until(lambda: "builtins.int" in worker.log.read_text())
    browser.open(f"/batches/{batch.pk}/?export=csv&zplant")
    assert REFERENCE in browser.open(f"/batches/{batch.pk}/")[1]

    web.stop()
    worker.stop()
    for process in (web, worker):
        written = process.log.read_text()
        assert '"message"' in written
        for line in written.splitlines():
            assert not [word for word in secrets if word.lower() in line.lower()], line
            json.loads(line)
