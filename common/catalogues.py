"""Translations without gettext's programs: find the source strings, merge, check and compile the catalogue.

Source strings are English. They stand in templates (`{% translate %}`, `{% blocktranslate %}`), in calls of gettext and
its relatives, and in sentences that are stored and translated when shown: the `template` of each error and the
stage of a job's `progress(done, total, stage)`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
HEADER = "# Fanwise: Chinese. Written by `manage.py messages --update`; edit the msgstr lines only."
NOT_SITE = {"tests", "benchmarks", "node_modules"}
_SINGLE = {"gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_CONTEXT = {"pgettext", "pgettext_lazy"}
_FUNCTIONS = _SINGLE | _PLURAL | _CONTEXT
SENTENCE_CLASSES = ("FanwiseError", "WeChatError", "Meaning")
"""Roots of the classes whose instances carry a source string first: the site's errors, WeChat's and its errcodes."""
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_TEMPLATE_CALL = re.compile(rf"\b(_|n?p?gettext)\(\s*({_LITERAL}(?:\s*,\s*{_LITERAL})*)")
_SLOT = re.compile(r"%\((\w+)\)")


@dataclass(frozen=True, order=True)
class Message:
    """A source string: singular, plural ("" without one) and context ("" without one)."""

    text: str
    plural: str = ""
    context: str = ""

    def __str__(self) -> str:
        return f"[{self.context}] {self.text}" if self.context else self.text


@dataclass
class Found:
    """What stands in the sources."""

    files: dict[Message, set[str]] = field(default_factory=dict)
    """Source strings and the files they stand in."""
    built: list[str] = field(default_factory=list)
    """Places (`file:line`) where a sentence for people is put together at run time: no catalogue can hold it."""

    def add(self, path: Path, messages: Iterable[Message]) -> None:
        """Note the file for each message."""
        for message in messages:
            self.files.setdefault(message, set()).add(path.as_posix())


# --- finding --------------------------------------------------------------------------------------------------------


def find_messages(root: Path) -> Found:
    """Every source string below the checkout `root`."""
    found = Found()
    modules = {path: ast.parse(path.read_bytes()) for path in sorted(python_files(root))}
    errors = error_classes(modules.values())
    for path, tree in modules.items():
        reader = PythonMessages(errors)
        reader.visit(tree)
        found.add(path.relative_to(root), reader.found)
        found.built += [f"{path.relative_to(root)}:{line}" for line in reader.built_lines]
    for path in sorted((root / "templates").rglob("*.html")):
        found.add(path.relative_to(root), read_template(path))
    return found


def python_files(root: Path) -> Iterator[Path]:
    """The modules of the site's packages, without migrations."""
    for package in root.glob("*/__init__.py"):
        if package.parent.name not in NOT_SITE:
            yield from (path for path in package.parent.rglob("*.py") if "migrations" not in path.parts)


def read_template(path: Path) -> Iterator[Message]:
    """The source strings of one template, out of the pseudo-code that Django writes for gettext's programs."""
    for call in _TEMPLATE_CALL.finditer(templatize(path.read_text(), origin=str(path))):
        texts: tuple[str, ...] = ast.literal_eval(f"({call[2]},)")
        context, *rest = texts if "pgettext" in call[1] else ("", *texts)
        yield Message(rest[0], rest[1] if len(rest) > 1 else "", context)


def error_classes(trees: Iterable[ast.Module]) -> dict[str, int | None]:
    """`SENTENCE_CLASSES` and all their descendants: which argument is the sentence (None: no argument is)."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found: dict[str, int | None] = dict.fromkeys(SENTENCE_CLASSES, 0)
    num_before = 0
    while len(found) > num_before:
        num_before = len(found)
        for name, node in classes.items():
            parent = next((_last_name(base) for base in node.bases if _last_name(base) in found), "")
            if parent and name not in found:
                found[name] = _sentence_place(node, found[parent])
    return found


def _sentence_place(node: ast.ClassDef, inherited: int | None) -> int | None:
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            names = [argument.arg for argument in part.args.args[1:]]
            return names.index("template") if "template" in names else None
    return inherited


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class PythonMessages(ast.NodeVisitor):
    """Reads the source strings of one module: `visit(tree)`, then `found` and `built_lines`."""

    def __init__(self, errors: dict[str, int | None]) -> None:
        self.errors = errors
        self.built_lines: list[int] = []
        self.names: dict[str, str] = {}
        self.found: list[Message] = []
        self._is_in_error = False

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "django.utils.translation":
            self.names |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in _FUNCTIONS}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._is_in_error = self._is_in_error, node.name in self.errors
        self.generic_visit(node)
        self._is_in_error = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if self._is_in_error and node.name == "__init__":  # def __init__(self, template: str = "…")
            arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for argument, default in zip(arguments, node.args.defaults, strict=True):
                if argument.arg == "template":
                    self._add(default)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self.names.get(_last_name(node.func), "")
        if name in _CONTEXT:
            self.found += [Message(text, context=self._text(node.args[0])) for text in self._texts(node.args[1])]
        elif name in _PLURAL:
            self.found.append(Message(self._text(node.args[0]), self._text(node.args[1])))
        elif name in _SINGLE or self._is_super_init(node):
            self._add_argument(node, 0)
        elif (place := self.errors.get(_last_name(node.func))) is not None:
            self._add_argument(node, place)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "progress":
            for argument in [*node.args[2:3], *(word.value for word in node.keywords if word.arg == "stage")]:
                self._add(argument)
        self.generic_visit(node)

    def _is_super_init(self, node: ast.Call) -> bool:
        """Whether this is `super().__init__(…)` in an error class."""
        is_init = isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"
        return self._is_in_error and is_init and isinstance(node.func.value, ast.Call)  # type: ignore[attr-defined]  # is_init says it is an Attribute

    def _add_argument(self, node: ast.Call, place: int) -> None:
        for argument in node.args[place : place + 1]:
            self._add(argument)

    def _add(self, node: ast.expr) -> None:
        self.found += [Message(text) for text in self._texts(node) if text]

    def _text(self, node: ast.expr) -> str:
        return next(iter(self._texts(node)), "")

    def _texts(self, node: ast.expr) -> list[str]:
        """The literal strings the expression may have; nothing for a variable, whose literal is marked elsewhere."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.IfExp):
            return [*self._texts(node.body), *self._texts(node.orelse)]
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            self.built_lines.append(node.lineno)
        return []


# --- the catalogue --------------------------------------------------------------------------------------------------


def catalogue_path(root: Path) -> Path:
    """Where the Chinese catalogue stands."""
    return root / "locale" / LOCALE / "LC_MESSAGES" / "django.po"


def read_catalogue(path: Path) -> Catalog:
    """The catalogue of a .po file; an empty one when there is no file."""
    if not path.exists():
        return Catalog(locale=LOCALE)
    with path.open("rb") as file:
        return read_po(file, locale=LOCALE)


def translations(catalogue: Catalog) -> dict[Message, str]:
    """The complete, certain translations of a catalogue."""
    found = {}
    for entry in catalogue:
        if entry.id and entry.string and not entry.fuzzy:
            found[_message(entry)] = entry.string if isinstance(entry.string, str) else entry.string[0]
    return {message: text for message, text in found.items() if text}


def _message(entry: "object") -> Message:
    texts: str | tuple[str, ...] = entry.id  # type: ignore[attr-defined]  # narrowed by the caller
    single, plural = (texts[0], texts[1]) if isinstance(texts, list | tuple) else (texts, "")
    return Message(single, plural, entry.context or "")  # type: ignore[attr-defined]  # narrowed by the caller


def merge(found: Found, known: dict[Message, str]) -> Catalog:
    """A catalogue of exactly the source strings, with the translations that are known; the others are empty."""
    catalogue = Catalog(locale=LOCALE, project="Fanwise", header_comment=HEADER, fuzzy=False)
    by_text = {(message.text, message.context): text for message, text in known.items()}
    for message, files in sorted(found.files.items(), key=lambda row: (sorted(row[1]), row[0])):
        text = known.get(message) or by_text.get((message.text, message.context), "")
        identity = (message.text, message.plural) if message.plural else message.text
        string = (text,) if message.plural else text
        places = [(name, 0) for name in sorted(files)]
        catalogue.add(identity, string, locations=places, context=message.context or None)
    return catalogue


def write_catalogue(catalogue: Catalog, path: Path) -> None:
    """Write the .po file, without line numbers and dates, so that it changes only when a text does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    write_po(content, catalogue, width=120, include_lineno=False)
    dates = re.compile(
        rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Language-Team|Report-Msgid-Bugs-To):.*\n',
        re.M,
    )
    path.write_bytes(dates.sub(b"", content.getvalue()).rstrip() + b"\n")


def compile_catalogue(path: Path) -> Path:
    """Write the .mo file beside the .po file and return its path."""
    target = path.with_suffix(".mo")
    content = BytesIO()
    write_mo(content, read_catalogue(path))
    target.write_bytes(content.getvalue())
    return target


# --- checking -------------------------------------------------------------------------------------------------------


def find_problems(found: Found, catalogue: Catalog) -> list[str]:
    """One line for each source string that is missing, empty, fuzzy or loses a slot, and each obsolete entry."""
    entries = {_message(entry): entry for entry in catalogue if entry.id}
    known, wanted = translations(catalogue), found.files
    problems = [f"built at run time, use %(slots)s: {place}" for place in found.built]
    problems += [
        f"missing: {message} ({', '.join(sorted(wanted[message]))})" for message in sorted(wanted.keys() - entries)
    ]
    for message in sorted(wanted.keys() & entries):
        if entries[message].fuzzy:
            problems.append(f"fuzzy: {message}")
        elif message not in known:
            problems.append(f"empty: {message}")
        elif _slots(known[message]) != _slots(message.plural or message.text):
            problems.append(f"slots differ: {message} -> {known[message]}")
    problems += [f"obsolete: {message}" for message in sorted(entries.keys() - wanted)]
    return problems + [f"obsolete: {key}" for key in catalogue.obsolete]


def _slots(text: str) -> set[str]:
    return set(_SLOT.findall(text))
