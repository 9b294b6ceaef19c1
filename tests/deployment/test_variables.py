"""`.env.example` documents every variable that the product reads, with its real default."""

import ast
import re

from attrition_site import environment
from tests.deployment.installation import BASE_DIR, settings_with

EXAMPLE = (BASE_DIR / ".env.example").read_text()
SHOWN = dict(re.findall(r"^# ([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
PACKAGES = ["accounts", "attrition_site", "mlcore", "predictions"]
# Read from a file too: `env.database` reads two, and names the second one itself.
SECRET_READERS = {"secret", "key", "database"}


def modules():
    yield BASE_DIR / "manage.py"
    for package in PACKAGES:
        yield from sorted((BASE_DIR / package).rglob("*.py"))


def variables_read_in(source):
    """The environment variables that a module reads, by whichever way of reading one."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=reader),
                args=[ast.Constant(value=str(name)), *_],
            ) if reader != "refuse":
                yield name
                if reader in SECRET_READERS:
                    yield f"{name}_FILE"
                for keyword in node.keywords:
                    if keyword.arg == "password_name":
                        yield from (keyword.value.value, f"{keyword.value.value}_FILE")
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get" | "pop")
                | ast.Attribute(attr="getenv"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name
            case ast.Subscript(
                value=ast.Attribute(attr="environ"),
                slice=ast.Constant(value=str(name)),
                ctx=ast.Load(),
            ):
                yield name
            case ast.Compare(
                left=ast.Constant(value=str(name)), comparators=[ast.Attribute(attr="environ")]
            ):
                yield name


def read_by_the_product():
    read = set()
    for module in modules():
        read |= {*variables_read_in(module.read_text())}
    # The environment's own name is read before there is an `env`.
    return read | {"ATTRITION_ENV"}


def test_the_ways_of_reading_a_variable_are_known():
    """Lest the comparison below be of two empty sets."""
    source = (
        "env.text('A'); env.key('B'); env.database('C', x, password_name='D')\n"
        "os.environ['E']; os.environ.get('F'); 'G' in os.environ; os.getenv('H')\n"
        "os.environ['OURS'] = '1'; os.environ.setdefault('OURS', '1'); env.refuse('no')"
    )
    found = sorted(variables_read_in(source))
    assert found == ["A", "B", "B_FILE", "C", "C_FILE", "D", "D_FILE", "E", "F", "G", "H"]


def test_the_example_names_what_is_read_and_nothing_else():
    read = read_by_the_product()
    assert {"SECRET_KEY_FILE", "DATABASE_PASSWORD", "HOST", "DEMO_PASSWORD"} <= read
    assert {"undocumented": read - SHOWN.keys(), "read by nobody": SHOWN.keys() - read} == {
        "undocumented": set(),
        "read by nobody": set(),
    }


def test_the_example_names_each_variable_once_and_explains_it():
    names = re.findall(r"^# ([A-Z][A-Z_]+)=", EXAMPLE, re.MULTILINE)
    assert len(names) == len(set(names))
    for block in EXAMPLE.split("\n\n"):
        lines = block.splitlines()
        first = next((at for at, line in enumerate(lines) if re.match(r"# [A-Z_]+=", line)), None)
        assert first != 0, f"{lines[0]} stands without a word"


def test_the_example_changes_nothing_when_copied():
    lines = EXAMPLE.splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_example_changes_nothing_when_uncommented(tmp_path, monkeypatch):
    """Each value shown is the default: to set them all is to set none."""
    monkeypatch.setattr(environment, "process_defaults", {})
    unset = {"ATTRITION_ENV": None, "SECRET_KEY": None, "DATABASE_URL": None, "VAR_DIR": None}
    untouched = settings_with(tmp_path, **unset, ALLOWED_HOSTS=None)
    uncommented = settings_with(tmp_path, **(unset | SHOWN))
    names = [name for name in untouched if name.isupper()]
    assert {"DATABASES", "SECURE_HSTS_SECONDS", "WORKERS", "TIME_ZONE"} - set(names) == {"WORKERS"}
    assert {name: uncommented[name] for name in names} == {name: untouched[name] for name in names}


def test_the_example_fits_a_terminal():
    assert max(map(len, EXAMPLE.splitlines())) <= 100
