"""`manage.py create_demo_brand`: the brand a visitor explores, with its login."""

import os
import time
from dataclasses import replace
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from common.errors import FanwiseError
from demo import brands

OWNER = ("demo@fanwise.local", "小禾")
VIEWER = ("viewer@fanwise.local", "阿青")
WELL_KNOWN_PASSWORD = "fanwise-demo"  # noqa: S105  # only ever set where the site answers on this machine alone
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver"}
SMALL_NUM_CONTACTS = 300


class Command(BaseCommand):
    """Makes what is missing and prints the login; a complete demo is left alone."""

    help = "Make the demo brand 青禾生活 with followers, items, behaviour and first models, unless it is there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="empty the demo brands and make them anew")
        parser.add_argument("--small", action="store_true", help=f"{SMALL_NUM_CONTACTS} followers instead of 5000")

    def handle(self, *args: Any, reset: bool, small: bool, **options: Any) -> None:
        password = _password()
        owner, viewer = (_user(*person, password, renew=reset) for person in (OWNER, VIEWER))
        started = time.monotonic()

        def say(what: str) -> None:
            if options["verbosity"] > 1:
                self.stdout.write(f"{time.monotonic() - started:6.1f} s  {what}")

        for plan in brands.PLANS:
            if reset or not brands.is_complete(plan):
                num_contacts = min(plan.num_contacts, SMALL_NUM_CONTACTS) if small else plan.num_contacts
                try:
                    brands.create(replace(plan, num_contacts=num_contacts), owner, viewer, timezone.now(), say)
                except FanwiseError as error:
                    raise CommandError(str(error)) from error
            brands.ensure_tracking(plan, owner)
        secret = password if owner.check_password(password) else "(the password you set)"
        self.stdout.write(f"Demo login: {OWNER[0]} / {secret}  (only looking: {VIEWER[0]}, same password)")


def _password() -> str:
    """The demo's password; one that everybody knows is refused where others can reach the site."""
    chosen = os.environ.get("FANWISE_DEMO_PASSWORD", "")
    if not chosen and not settings.DEBUG and not LOCAL_HOSTS.issuperset(settings.ALLOWED_HOSTS):
        raise CommandError(
            "The demo brand is not made: this site can be reached by others and the demo's usual password is known to "
            "everybody. Set FANWISE_DEMO_PASSWORD to a password of your own and run the command again."
        )
    return chosen or WELL_KNOWN_PASSWORD


def _user(email: str, name: str, password: str, *, renew: bool) -> User:
    """The person with a verified address; the password is set for a new one, or when the demo is made anew."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    elif renew:
        user.set_password(password)
        user.save(update_fields=["password"])
    return user
