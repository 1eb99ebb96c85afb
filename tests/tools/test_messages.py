"""`tools/messages.py`: no text without its translation, and no file that changes for nothing."""

from pathlib import Path

import messages
import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project: a kernel and one plug-in, each with code and a template."""
    files = {
        "flasky/__init__.py": "from flasky.languages import _\nHELLO = _('Hello, ${name}', mapping={'name': 'x'})\n",
        "flasky/templates/base.jinja2": "{% trans %}Menu{% endtrans %}\n",
        "flasky/templates/mail/news.txt": "{% trans count=2 %}One post{% pluralize %}%(count)s posts{% endtrans %}\n",
        "flasky/plugins/__init__.py": "",
        "flasky/plugins/polls/__init__.py": "from flasky.languages import _\n\n\nTITLE = _('Polls')\n",
        "flasky/plugins/polls/templates/polls/vote.jinja2": "{{ _('Vote') }}\n",
        "flasky/plugins/polls/static/script.py": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


TRANSLATIONS = {
    "Hello, ${name}": "你好，${name}",
    "Menu": "菜单",
    "One post": "%(count)s 篇文章",
    "Polls": "投票",
    "Vote": "投一票",
}


def translate(tree: Path, translations: dict[str, str]) -> None:
    """Extract, and write translations into the .po files as a translator would."""
    messages.update(tree)
    for package in messages.packages(tree):
        path = messages.catalog_path(package, "zh")
        lines = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            for text, translation in translations.items():
                if line == f'msgid "{text}"':
                    below = next(n for n in range(number + 1, len(lines)) if lines[n].startswith("msgstr"))
                    lines[below] = f'{lines[below].split(" ")[0]} "{translation}"'
        path.write_text("\n".join(lines), encoding="utf-8")
    messages.update(tree)


def test_every_text_of_flasky_has_its_translation() -> None:
    """Both languages are complete: nothing missing, fuzzy, unused or not compiled; `make messages` puts it right."""
    assert messages.check(ROOT) == []


def test_languages_are_those_that_the_site_offers() -> None:
    """A language that visitors can choose is checked here; English is in the code."""
    languages = pytest.importorskip("flasky.languages", exc_type=ImportError)
    assert {*messages.LANGUAGES, "en"} == set(languages.LANGUAGES)


def test_kernel_and_each_plugin_have_a_catalog_of_their_own(tree: Path) -> None:
    """A plug-in's texts go with the plug-in: code, page templates and mail templates are all read."""
    translate(tree, TRANSLATIONS)
    found = {}
    for package in messages.packages(tree):
        compiled = messages.catalog_path(package, "zh").with_suffix(".mo").read_bytes()
        found[package.name] = {text[0]: chinese for (_context, text), chinese in messages.meaning(compiled).items()}
    assert found == {
        "flasky": {text: (TRANSLATIONS[text],) for text in ("Hello, ${name}", "Menu", "One post")},
        "polls": {text: (TRANSLATIONS[text],) for text in ("Polls", "Vote")},
    }
    assert messages.check(tree) == []


def test_second_run_changes_nothing(tree: Path) -> None:
    """No date, line number or order makes a difference in a commit."""
    translate(tree, TRANSLATIONS)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tree.rglob("flasky.?o")}
    assert len(before) == 4
    source = tree / "flasky/plugins/polls/__init__.py"
    source.write_text("# A line more above.\n" + source.read_text(encoding="utf-8"), encoding="utf-8")
    assert messages.update(tree) == []
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tree.rglob("flasky.?o")} == before


def test_text_that_nobody_extracted_is_told(tree: Path) -> None:
    """A new text in the code: the check names it, its file and the command."""
    translate(tree, TRANSLATIONS)
    (tree / "flasky/plugins/polls/forms.py").write_text("LABEL = _('Question')\n", encoding="utf-8")
    (problem,) = messages.check(tree)
    assert "flasky/plugins/polls/locale/zh/LC_MESSAGES/flasky.po" in problem
    assert "'Question' (forms.py, line 1) is not in it: run `make messages`" in problem


def test_missing_translation_is_told(tree: Path) -> None:
    """A text without its Chinese."""
    translate(tree, {text: chinese for text, chinese in TRANSLATIONS.items() if text != "Menu"})
    (problem,) = messages.check(tree)
    assert problem.endswith("'Menu' is not translated")


def test_fuzzy_translation_is_told(tree: Path) -> None:
    """A guess that nobody checked; it is not shown to visitors either."""
    translate(tree, TRANSLATIONS)
    path = tree / "flasky/locale/zh/LC_MESSAGES/flasky.po"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('msgid "Menu"', '#, fuzzy\nmsgid "Menu"'), encoding="utf-8")
    messages.update(tree)
    (problem,) = messages.check(tree)
    assert "'Menu' is marked fuzzy" in problem
    assert "菜单".encode() not in path.with_suffix(".mo").read_bytes()


def test_stale_compiled_catalog_is_told(tree: Path) -> None:
    """The .mo is what visitors see: a changed .po that was not compiled changes nothing for them."""
    translate(tree, TRANSLATIONS)
    path = tree / "flasky/locale/zh/LC_MESSAGES/flasky.po"
    path.write_text(path.read_text(encoding="utf-8").replace("菜单", "目录"), encoding="utf-8")
    (problem,) = messages.check(tree)
    assert "the .mo file beside it is not what it compiles to: run `make messages`" in problem
    path.with_suffix(".mo").unlink()
    assert len(messages.check(tree)) == 1


def test_text_that_is_gone_is_told_and_removed(tree: Path) -> None:
    """A translation of a text that no longer exists would be kept up for nobody."""
    translate(tree, TRANSLATIONS)
    (tree / "flasky/templates/base.jinja2").write_text("", encoding="utf-8")
    assert any("'Menu' is no longer used" in problem for problem in messages.check(tree))
    messages.update(tree)
    assert messages.check(tree) == []


def test_translation_with_other_placeholders_is_told(tree: Path) -> None:
    """`${nmae}` would be shown to visitors as it stands."""
    translate(tree, {**TRANSLATIONS, "Hello, ${name}": "你好，${nmae}", "One post": "文章"})
    problems = messages.check(tree)
    assert len(problems) == 2
    assert any("'你好，${nmae}' must have the placeholders of 'Hello, ${name}': ${name}" in line for line in problems)
    assert any("%(count)s" in line for line in problems)


def test_check_changes_nothing_and_fails(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` is for linters: exit status 1, one line for each problem, no file touched."""
    assert messages.main(["--check", "--root", str(tree)]) == 1
    assert len(capsys.readouterr().err.splitlines()) > 5
    assert not list(tree.rglob("flasky.?o"))
    assert messages.main(["--root", str(tree)]) == 0
    translate(tree, TRANSLATIONS)
    capsys.readouterr()
    assert messages.main(["--check", "--root", str(tree)]) == 0
    assert capsys.readouterr() == ("", "")


def test_catalog_names_no_person_and_no_date() -> None:
    """A header that changes with every run or names somebody has no place in a shared file."""
    for package in messages.packages(ROOT):
        for language in messages.LANGUAGES:
            path = messages.catalog_path(package, language)
            if path.exists():
                text = path.read_text(encoding="utf-8")
                assert "Creation-Date" not in text
                assert "Translator" not in text
                with path.open("rb") as file:
                    assert read_po(file).num_plurals
