"""Fixtures of the site's side of modeling."""

import pytest

from accounts import jobs


@pytest.fixture
def hints(monkeypatch, settings):
    """The hints sent to the queue, instead of a broker; no heartbeat, whose connection sees no uncommitted job."""
    settings.JOB_HEARTBEAT_SECONDS = 600
    sent = []

    def note(task, args, queue, retry, **options):
        sent.append((task, args, queue))

    monkeypatch.setattr(jobs.current_app, "send_task", note)
    return sent
