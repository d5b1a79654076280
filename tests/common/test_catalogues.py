"""The catalogue is complete, or the check names what is not."""

import gettext
import shutil
from pathlib import Path

import pytest

import common.errors
from common.catalogues import (
    Message,
    catalogue_path,
    compile_catalogue,
    find_messages,
    find_problems,
    merge,
    read_catalogue,
    write_catalogue,
)

TEMPLATE = """{% load i18n %}
<a title="{% translate 'Open it' %}">{% blocktranslate trimmed with n=item.name %}
  The "best" of
  {{ n }}{% endblocktranslate %}</a>
{% blocktranslate count n=num %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
{% translate "May" context "month" %} {{ name|default:_("Nobody") }} it's
{# {% translate "not this" %} #}
"""
MODULE = """
from django.utils.translation import gettext as _, gettext_noop, ngettext, pgettext_lazy
from common.errors import FanwiseError, BadInput

class RowError(FanwiseError):
    def __init__(self, code: str, template: str, **context):
        super().__init__(template, **context)

class Special(RowError):
    pass

class Fixed(BadInput):
    def __init__(self, file):
        super().__init__("The file %(file)s " "is broken.", file=file)

class Gone(FanwiseError):
    def __init__(self, template: str = "It is gone."):
        super().__init__(template)

STAGE = gettext_noop("Reading")

def work(lease, n):
    lease.progress(1, 2, "Writing")
    lease.progress(1, 2, stage="Closing")
    lease.progress(1, 2)
    print(_("Hello"), ngettext("%(n)s day", "%(n)s days", n), pgettext_lazy("nav", "Home"), "not this")
    if n:
        raise Special("bad_row", "Row %(n)s is bad.", n=n)
    raise BadInput("Too short." if n < 3 else "Too long.")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "app").mkdir(parents=True)
    (tmp_path / "templates" / "app" / "page.html").write_text(TEMPLATE)
    for package in ("app", "common", "tests"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(common.errors.__file__, tmp_path / "common" / "errors.py")
    (tmp_path / "app" / "noun.py").write_text(MODULE)
    (tmp_path / "tests" / "test_noun.py").write_text(
        "from django.utils.translation import gettext\ngettext('not this')"
    )
    return tmp_path


def test_every_source_string_is_found(checkout):
    found = find_messages(checkout)
    assert set(found.files) == {
        Message("Open it"), Message('The "best" of %(n)s'), Message("%(n)s row", "%(n)s rows"),
        Message("May", context="month"), Message("Nobody"), Message("The file %(file)s is broken."),
        Message("It is gone."), Message("Reading"), Message("Writing"), Message("Closing"), Message("Hello"),
        Message("%(n)s day", "%(n)s days"), Message("Home", context="nav"), Message("Row %(n)s is bad."),
        Message("Too short."), Message("Too long."), Message("Cancelled on request."),
    }  # fmt: skip
    assert found.files[Message("Hello")] == {"app/noun.py"}
    assert found.built == []


def test_a_sentence_put_together_at_run_time_is_named(checkout):
    (checkout / "app" / "verb.py").write_text("from common.errors import BadInput\nraise BadInput(f'No {x}.')\n")
    found = find_messages(checkout)
    assert found.built == ["app/verb.py:2"]
    assert "built at run time, use %(slots)s: app/verb.py:2" in find_problems(found, read_catalogue(Path("none")))


def translate_all(checkout: Path) -> None:
    found = find_messages(checkout)
    write_catalogue(
        merge(found, {message: f"译{message.plural or message.text}" for message in found.files}),
        catalogue_path(checkout),
    )


def problems(checkout: Path) -> list[str]:
    return find_problems(find_messages(checkout), read_catalogue(catalogue_path(checkout)))


def test_a_complete_catalogue_has_no_problems(checkout):
    translate_all(checkout)
    assert problems(checkout) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('msgstr "译Hello"', 'msgstr ""', "empty: Hello"),
        ('msgid "Hello"', '#, fuzzy\nmsgid "Hello"', "fuzzy: Hello"),
        ('msgstr[0] "译%(n)s days"', 'msgstr[0] "译"', "slots differ: %(n)s day -> 译"),
        ('msgid "Hello"', 'msgid "Hullo"', "missing: Hello (app/noun.py)"),
        ('msgid "Hello"', 'msgid "Hullo"', "obsolete: Hullo"),
        ('msgid "Hello"', '#~ msgid "Old"\n#~ msgstr "旧"\n\nmsgid "Hello"', "obsolete: Old"),
    ],
)
def test_each_fault_is_named(checkout, before, after, problem):
    translate_all(checkout)
    path = catalogue_path(checkout)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert problem in problems(checkout)


def test_an_update_keeps_what_is_translated_and_drops_what_is_gone(checkout):
    translate_all(checkout)
    path = catalogue_path(checkout)
    before = path.read_bytes()
    module = checkout / "app" / "noun.py"
    module.write_text(MODULE.replace('"Hello"', '"Welcome"'))
    found = find_messages(checkout)
    known = {Message(e.id): e.string for e in read_catalogue(path) if isinstance(e.id, str)}
    write_catalogue(merge(found, known), path)
    assert "empty: Welcome" in problems(checkout)
    assert "Hello" not in path.read_text()
    module.write_text(MODULE)
    translate_all(checkout)
    assert path.read_bytes() == before


def test_the_compiled_file_speaks_chinese(checkout):
    translate_all(checkout)
    with compile_catalogue(catalogue_path(checkout)).open("rb") as file:
        chinese = gettext.GNUTranslations(file)
    assert chinese.gettext("Hello") == "译Hello"
    assert chinese.ngettext("%(n)s day", "%(n)s days", 1) == "译%(n)s days"
    assert chinese.pgettext("nav", "Home") == "译Home"
