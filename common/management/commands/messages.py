"""`manage.py messages`: keep the Chinese catalogue complete; needs no gettext programs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common import catalogues


class Command(BaseCommand):
    """Check, update or compile the catalogue."""

    help = "Checks (--check), updates (--update [more.po ...]) or compiles (--compile) locale/zh_Hans."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The three ways, of which one is asked for."""
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--check", action="store_true", help="exit 1 with a list when the catalogue is not complete")
        way.add_argument(
            "--update", nargs="*", metavar="PO", help="merge the source strings, taking translations from PO files"
        )
        way.add_argument("--compile", action="store_true", help="write the .mo file that the site reads")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        root = Path(settings.BASE_DIR)
        path = catalogues.catalogue_path(root)
        if options["check"]:
            self._check(root, path)
        elif options["update"] is not None:
            self._update(root, path, [Path(name) for name in options["update"]])
        else:
            self.stdout.write(f"wrote {catalogues.compile_catalogue(path).relative_to(root)}")

    def _check(self, root: Path, path: Path) -> None:
        problems = catalogues.find_problems(catalogues.find_messages(root), catalogues.read_catalogue(path))
        if problems:
            raise CommandError(
                "\n".join([*problems, f"{len(problems)} problems. Run `manage.py messages --update`, translate."])
            )
        self.stdout.write("translations are complete")

    def _update(self, root: Path, path: Path, fragments: list[Path]) -> None:
        found = catalogues.find_messages(root)
        known: dict[catalogues.Message, str] = {}
        for source in [*fragments, path]:  # what stands in the catalogue wins
            known |= catalogues.translations(catalogues.read_catalogue(source))
        catalogue = catalogues.merge(found, known)
        catalogues.write_catalogue(catalogue, path)
        num_empty = sum(line.startswith("empty") for line in catalogues.find_problems(found, catalogue))
        self.stdout.write(f"{len(found.files)} source strings, {num_empty} still to translate")
