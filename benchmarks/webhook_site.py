"""The site's settings with the addresses of benchmarks/webhook_urls.py."""

from config.settings import *  # noqa: F403  # the site's settings and two more

ROOT_URLCONF = "benchmarks.webhook_urls"
