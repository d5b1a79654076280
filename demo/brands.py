"""The demo brands in the database: made through the product's own doors, found complete, or emptied for a fresh start.

Stage: collect. Reads a generated world; writes items with covers, consents, uploads of contacts, behaviour and
engagement, and the first training runs of one brand.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import polars as pl
from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection

from accounts import jobs, tenants
from accounts.actors import Actor, record
from accounts.jobs import Lease
from accounts.models import AuditEntry, Job, Role, Tenant, User
from accounts.tenancy import TenantModel, current_tenant_id, tenant_scope
from audience import contacts, imports
from audience.models import Consent, Contact, Import
from catalog import items, pictures
from catalog.models import Item
from common.errors import FanwiseError
from common.translation import translated
from connectors.tracking import keys
from demo.behaviour import World, build_world, draw_covers
from demo.files import CONTACTS_FILE, ENGAGEMENT_FILE, EVENTS_FILE, write_contacts, write_engagement, write_events
from demo.followers import PURPOSES
from modeling import content_runs, runs, training_jobs
from modeling.models import ContentModel, Purpose

JOB_SECONDS = 600
UNFILED_EVERY = 25
"""Each so many items nobody has filed yet, so that there is something to suggest."""
APP_ID = "wx9f1c0demo7a2b3c4d"
_EVIDENCE = "关注时同意《用户隐私保护指引》"
_COLUMNS = {CONTACTS_FILE: {"external_id": "用户编号", "openid": "openid"}}
"""Columns to choose where a file has two that could name the contact."""
Say = Callable[[str], None]


class DemoFailed(FanwiseError):
    """A step of making the demo brand ended badly."""

    code = "demo_failed"


@dataclass(frozen=True)
class Plan:
    """What one demo brand is made of."""

    slug: str
    name: str
    industry: str
    seed: int
    num_contacts: int
    categories: tuple[str, ...] = ()
    """Empty: all twelve."""
    trains_deep: bool = False
    """Whether a deep model starts to train at once."""


PLANS = (
    Plan("demo", "青禾生活", "retail", seed=7, num_contacts=5000, trains_deep=True),
    Plan("demo-kids", "青禾童书", "education", seed=11, num_contacts=400, categories=("母婴", "亲子阅读")),
)


def is_complete(plan: Plan) -> bool:
    """Whether the brand is there with all its data; the engagement table is uploaded last."""
    tenant = Tenant.objects.filter(slug=plan.slug, is_demo=True).first()
    if tenant is None:
        return False
    with tenant_scope(tenant):
        ended = (Import.State.DONE, Import.State.UNDONE)
        return bool(Import.objects.filter(filename=ENGAGEMENT_FILE, state__in=ended).exists())


def create(plan: Plan, owner: User, viewer: User, now: datetime, say: Say) -> Tenant:
    """Make the brand and fill it; what an earlier, unfinished attempt left is removed first."""
    tenant = _open_brand(plan, owner, viewer)
    by = Actor.person(owner)
    world = build_world(plan.seed, now, plan.num_contacts, plan.categories)
    say(f"{plan.name}: drew {world.contacts.height} followers and {world.events.height} events")
    with tenant_scope(tenant):
        _load_items(world, by)
    _upload(tenant, CONTACTS_FILE, write_contacts(world), by, say)
    with tenant_scope(tenant):
        _load_consents(world, by)
    _upload(tenant, EVENTS_FILE, write_events(world), by, say)
    _train(tenant, plan, by, say)
    _upload(tenant, ENGAGEMENT_FILE, write_engagement(world), by, say)
    if plan.trains_deep:
        with tenant_scope(tenant):
            runs.start(runs.plan(Purpose.ENGAGEMENT), by)
    return tenant


def ensure_tracking(plan: Plan, owner: User) -> None:
    """The brand's key to the collector, so that the sample page and the Live page work at once."""
    tenant = Tenant.objects.get(slug=plan.slug)
    if not keys.of_brand(tenant):
        with tenant_scope(tenant):
            keys.create(tenant, "H5", [], needs_consent=True, by=Actor.person(owner))


def empty(tenant: Tenant) -> None:
    """Delete all the brand owns, files included, except its members and its audit trail (which nobody can delete)."""
    with tenant_scope(tenant):
        names = list(Item.objects.exclude(picture="").values_list("picture", flat=True))
        names += [
            name for row in Import.objects.values_list("file", "rejects_file", "undo_file") for name in row if name
        ]
        _delete_rows()
    for name in names:
        default_storage.delete(name)
    shutil.rmtree(Path(settings.MODEL_DIR) / str(tenant.pk), ignore_errors=True)


def _delete_rows() -> None:
    """Every row in scope; the order is free, for references between tenant tables are checked at commit."""
    owned = [model for model in apps.get_models() if issubclass(model, TenantModel) and model is not AuditEntry]
    tables = ["audience_event", "audience_event_key", *(model._meta.db_table for model in owned)]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table} WHERE tenant_id = %s", [current_tenant_id()])  # noqa: S608  # our names


def _open_brand(plan: Plan, owner: User, viewer: User) -> Tenant:
    tenant = Tenant.objects.filter(slug=plan.slug).first()
    if tenant is None:
        tenant = tenants.create(plan.name, plan.industry, owner, slug=plan.slug, is_demo=True)
        with tenant_scope(tenant):
            tenants.add_member(tenant, viewer.email, Role.VIEWER, Actor.person(owner))
        return tenant
    if not tenant.is_demo:
        raise DemoFailed("The address /%(slug)s/ belongs to a real brand; the demo is not made.", slug=plan.slug)
    empty(tenant)
    return tenant


def _load_items(world: World, by: Actor) -> None:
    rows = world.items.drop("num_lessons").to_dicts()
    covers = draw_covers(world.catalogue)
    for place, (row, cover, num_lessons) in enumerate(zip(rows, covers, world.items["num_lessons"], strict=True)):
        if place % UNFILED_EVERY == UNFILED_EVERY - 1:
            row |= {"category": "", "tags": []}
        row["picture"] = pictures.keep_drawing(cover)
        row["attributes"] = {"num_lessons": num_lessons} if num_lessons else {}
    items.upsert(rows, by)


def _load_consents(world: World, by: Actor) -> None:
    """The answers each follower gave when following; a refused personalisation is switched off."""
    ids = contacts.ids_by_external(world.contacts["external_id"])
    columns = [f"consent_{purpose}" for purpose in PURPOSES]
    answers = world.contacts.select("external_id", "followed_at", *columns).unpivot(
        on=columns, index=["external_id", "followed_at"], variable_name="purpose", value_name="state"
    )
    given = answers.filter(pl.col("state") != "").with_columns(pl.col("purpose").str.strip_prefix("consent_"))
    Consent.objects.bulk_create(
        [
            Consent(
                contact_id=ids[row["external_id"]],
                purpose=row["purpose"],
                state=row["state"],
                evidence=_EVIDENCE,
                changed_at=row["followed_at"],
            )
            for row in given.iter_rows(named=True)
        ],
        batch_size=5000,
    )
    refused = given.filter((pl.col("purpose") == "personalisation") & (pl.col("state") != "granted"))
    off = [ids[external_id] for external_id in refused["external_id"]]
    Contact.objects.filter(pk__in=off).update(is_personalisation_off=True)
    record(by, "load", "consents", str(given.height))


def _upload(tenant: Tenant, filename: str, content: bytes, by: Actor, say: Say) -> None:
    """Upload the file as a member would: create, check the guessed columns, import."""
    with tenant_scope(tenant):
        batch = imports.create(BytesIO(content), filename, by)
        options = batch.options | {"unknown_items": "skip", "account_ref": APP_ID}
        mapping = batch.mapping | _COLUMNS.get(filename, {})
        job = imports.confirm(batch, batch.preset, mapping, options, by)
    _finish(tenant, job, imports.run)
    with tenant_scope(tenant):
        batch.refresh_from_db()
    report = batch.report or {}
    say(f"{tenant.name}: imported {filename}, {report.get('accepted')} of {report.get('rows')} rows")


def _train(tenant: Tenant, plan: Plan, by: Actor, say: Say) -> None:
    """Fit the simple recommenders at once; leave the deep one to a worker, live, where the visitor can watch it."""
    with tenant_scope(tenant):
        run = runs.start_simple(by)
    if run is not None:
        _finish(tenant, run.job, training_jobs.train)
        say(f"{tenant.name}: the simple recommenders serve")
    if plan.trains_deep:
        with tenant_scope(tenant):
            runs.start(runs.plan(Purpose.NEXT_ITEM), by)
            for task in (ContentModel.Task.TAGS, ContentModel.Task.SENTIMENT, ContentModel.Task.VECTORS):
                content_runs.start(task, by)


def _finish(tenant: Tenant, job: Job, work: Callable[[Lease], None]) -> None:
    """See the job through: here, or by waiting for the worker that was quicker to take it."""
    give_up_at = time.monotonic() + JOB_SECONDS
    while not job.is_ended and time.monotonic() < give_up_at:
        jobs.run(tenant.pk, job.pk, work)  # does nothing while a worker holds it
        with tenant_scope(tenant):
            job.refresh_from_db()
        if not job.is_ended:
            time.sleep(1)
    if job.state != Job.State.SUCCEEDED:
        why = translated(job.error_template, job.error_context)
        raise DemoFailed("%(task)s ended as %(state)s: %(why)s", task=job.task, state=job.state, why=why)
