"""`manage.py enliven_demo_brand --site ADDRESS`: the demo brand's practice account, by the simulator of ./run."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import Actor
from accounts.models import Membership, Role, Tenant
from common.errors import FanwiseError
from connectors.wechat.errors import WeChatError
from demo import brands, weixin_account


class Command(BaseCommand):
    """./run calls it when the site is ready; it may be called again at any time."""

    help = "Give the demo brand a living practice account in the simulated WeChat, unless it has one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="where the simulator reaches this site")

    def handle(self, *args: Any, site: str, **options: Any) -> None:
        plan = brands.PLANS[0]
        tenant = Tenant.objects.filter(slug=plan.slug, is_demo=True).first()
        if not settings.SIMULATOR_URL or tenant is None or not brands.is_complete(plan):
            self.stdout.write("Nothing to do: there is no simulator or no demo brand.")
            return
        owner = Membership.objects.select_related("user").filter(tenant=tenant, role=Role.OWNER).first()
        by = Actor.person(owner.user) if owner else Actor.system("Demo")
        try:
            weixin_account.enliven(tenant, site.rstrip("/"), by)
        except (FanwiseError, WeChatError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The demo brand lives in the simulated WeChat.")
