"""The platform's areas, one module each; importing a module puts its endpoints into the routing table."""

import importlib
import pkgutil


def register_all() -> None:
    """Imports every area."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
