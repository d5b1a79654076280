"""Composition root: settings, URLs, API, queues, local services."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
