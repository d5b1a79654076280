"""Celery: the queues and the beat table, in one place.

Messages carry ids only. What a job is, how far it is and who holds it stands in the `Job` row (accounts/jobs.py), so
the broker may lose or repeat a message without harm.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("fanwise")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["connectors.tracking"])

app.conf.beat_schedule = {
    "revive-lost-jobs": {"task": "accounts.tasks.revive_lost_jobs", "schedule": 15.0},
    "ensure-event-partitions": {"task": "audience.tasks.ensure_event_partitions", "schedule": 6 * 3600.0},
    "remove-leftovers": {"task": "audience.tasks.remove_leftovers", "schedule": 3 * 3600.0},
    "forget-old-answers": {"task": "audience.tasks.forget_old_answers", "schedule": 24 * 3600.0},
    "forget-held-events": {"task": "connectors.tracking.tasks.forget_held_events", "schedule": 24 * 3600.0},
    "erase-due-contacts": {"task": "audience.tasks.erase_due", "schedule": 3600.0},
    "sweep-pushes": {"task": "connectors.tasks.sweep_pushes", "schedule": 10.0},
    "sweep-messages": {"task": "connectors.tasks.sweep_messages", "schedule": 20.0},
    "finish-authorisations": {"task": "connectors.tasks.finish_authorisations", "schedule": 60.0},
    "forget-old-pushes": {"task": "connectors.tasks.forget_old_pushes", "schedule": 6 * 3600.0},
    "delete-disconnected-accounts": {"task": "connectors.tasks.delete_disconnected", "schedule": 3600.0},
    "keep-accounts-in-sync": {"task": "connectors.tasks.keep_up", "schedule": 300.0},
    "start-simple-after-imports": {"task": "modeling.tasks.start_simple_after_imports", "schedule": 5.0},
    "read-new-content": {"task": "modeling.tasks.read_new_content", "schedule": 300.0},
    "score-stale-tenants": {"task": "recommendations.tasks.score_stale_tenants", "schedule": 60.0},
    "refresh-trends": {"task": "recommendations.tasks.refresh_trends", "schedule": 60.0},
}
