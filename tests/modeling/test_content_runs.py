"""Content models on the site: fitted by jobs, put in use, applied; suggestions and tones from there."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import AuditEntry, Job
from accounts.tenancy import tenant_scope
from audience import events, timeline
from audience.events import NewEvent
from audience.kinds import EventKind, Source
from audience.models import Contact, Sentiment
from catalog import items
from catalog.models import Item
from common.errors import BadInput, Conflict
from modeling import content_pictures, content_runs, item_likeness, sentiments, suggestions
from modeling.content import configs
from modeling.content_models import ContentModel, LabelledPicture, SentimentLabel, Suggestion
from recommendations import slates
from tests.modeling.content import archive, item_rows, picture, remarks


@pytest.fixture(autouse=True)
def _small_nets(monkeypatch, settings):
    settings.JOB_HEARTBEAT_SECONDS = 600
    monkeypatch.setitem(configs.PRESETS, "quick", configs.PRESETS["debug"])


@pytest.fixture
def filled(brand, by):
    """The brand with 120 items, twelve of them bare."""
    with tenant_scope(brand):
        items.upsert(item_rows(), by)
    return brand


@pytest.fixture
def learnt(filled, by, work):
    """`learnt(task, ...)` fits the task and applies it; the model."""

    def learn(task, **options):
        with tenant_scope(filled):
            model = content_runs.start(task, by, **options)
        work()
        with tenant_scope(filled):
            model.refresh_from_db()
            assert Job.objects.exclude(state="succeeded").count() == 0, Job.objects.last().error_template
        return model

    return learn


def write_remarks(brand, num=40):
    """Every remark is a comment of one contact on one item."""
    with tenant_scope(brand):
        contact = Contact.objects.create(external_id="u1", name="小林")
        item = Item.objects.order_by("pk").first()
        now = timezone.now()
        for place, (text, _tone) in enumerate(remarks(num), start=1):
            at = now - timedelta(minutes=place)
            events.record([NewEvent(Source.API, f"c{place}", contact.pk, EventKind.COMMENT, at, item.pk, text=text)])
    return contact, item


def test_a_finished_fit_is_a_version_in_use_and_suggests_for_bare_items(learnt, filled):
    model = learnt("tags")
    with tenant_scope(filled):
        assert (model.number, model.is_live, len(model.digest)) == (1, True, 64)
        found = list(Suggestion.objects.select_related("item"))
        assert {one.item.external_id for one in found} <= {f"i{number:03d}" for number in range(9, 120, 10)}
        assert all(one.state == "open" and one.probability >= 0.4 for one in found)
        category = next(one for one in found if one.field == "category")
        assert category.value == ["护肤", "咖啡", "健身", "亲子"][int(category.item.external_id[1:]) % 4]
        assert Item.objects.get(external_id="i009").category == ""


def test_accepting_writes_the_item_and_undoing_takes_it_out(learnt, filled, by):
    learnt("tags")
    with tenant_scope(filled):
        one = Suggestion.objects.filter(field="category").order_by("-probability").first()
        assert suggestions.accept([one.pk], by) == 1
        item = Item.objects.get(pk=one.item_id)
        assert item.category == one.value
        assert suggestions.accept([one.pk], by) == 0
        one.refresh_from_db()
        suggestions.undo(one, by)
        item.refresh_from_db()
        assert (item.category, one.state) == ("", "undone")
        with pytest.raises(Conflict):
            suggestions.undo(one, by)
        assert AuditEntry.objects.filter(object_type="suggestions").count() == 2


def test_a_category_that_came_meanwhile_stays(learnt, filled, by):
    learnt("tags")
    with tenant_scope(filled):
        one = Suggestion.objects.filter(field="category").first()
        Item.objects.filter(pk=one.item_id).update(category="新书")
        assert suggestions.accept([one.pk], by) == 0
        one.refresh_from_db()
        assert (one.state, Item.objects.get(pk=one.item_id).category) == ("dismissed", "新书")


def test_probable_suggestions_are_accepted_automatically_with_their_origin(learnt, filled):
    learnt("tags", accept_above=0.5)
    with tenant_scope(filled):
        taken = Suggestion.objects.filter(state="accepted", is_automatic=True)
        assert taken.count() >= 1
        assert set(taken.values_list("decided_by", flat=True)) == {"system: content model v1"}


def test_a_second_fit_waits_and_odd_wishes_are_refused(filled, by, work):
    with tenant_scope(filled):
        content_runs.start("tags", by)
        with pytest.raises(Conflict):
            content_runs.start("tags", by)
        for wrong in (
            {"task": "everything"},
            {"task": "vectors", "preset": "huge"},
            {"task": "pictures", "accept_above": 0.1},
        ):
            with pytest.raises(BadInput):
                content_runs.start(by=by, **wrong)
        assert ContentModel.objects.count() == 1


def test_too_few_items_fail_with_a_sentence(brand, by, work):
    with tenant_scope(brand):
        items.upsert(item_rows(8), by)
        model = content_runs.start("tags", by)
    work()
    with tenant_scope(brand):
        job = Job.objects.get(pk=model.job_id)
        assert (job.state, job.error_code) == ("failed", "dataset_too_small")
        content_runs.retry(model, by)


def test_changed_files_are_not_put_in_use(learnt, filled, by, settings):
    first = learnt("tags")
    learnt("tags")
    weights = content_runs.path_of(first) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"evil")
    with tenant_scope(filled):
        from modeling.errors import FileCorrupt

        with pytest.raises(FileCorrupt):
            content_runs.use(first, by)
        assert content_runs.live("tags").number == 2


def test_tones_are_written_for_every_comment_and_shown_on_the_timeline(learnt, filled, as_owner):
    contact, item = write_remarks(filled)
    learnt("sentiment")
    said = dict(remarks())
    with tenant_scope(filled):
        rows = sentiments.with_texts(Sentiment.objects.all())
        assert len(rows) == 120
        assert sum(one.tone == said[text] for one, text in rows) >= 100
        assert sum(sentiments.of_item(item.pk).values()) == 120
        shown = timeline.of_contact(contact).events
        assert all(event.sentiment is not None for event in shown)
        assert not sentiments.has_unread()
    page = as_owner.get(f"/b/{filled.slug}/models/content/sentiment/").content.decode()
    assert any(text in page for text, tone in remarks() if tone == "negative")


def test_a_label_counts_at_once_and_outlives_the_model(learnt, filled, by):
    write_remarks(filled)
    learnt("sentiment")
    text = remarks()[0][0]
    with tenant_scope(filled):
        sentiments.label(text, "negative", by)
        row = Sentiment.objects.get(text_key=SentimentLabel.objects.get().text_key)
        assert (row.tone, row.origin, row.probability) == ("negative", "person", 1.0)
        assert text not in sentiments.next_to_label(50)
        assert len(sentiments.next_to_label(5)) == 5
    learnt("sentiment")
    with tenant_scope(filled):
        row.refresh_from_db()
        assert (row.tone, row.origin) == ("negative", "person")


def test_the_word_list_answers_when_there_is_little_text(learnt, filled):
    write_remarks(filled, num=3)
    model = learnt("sentiment")
    with tenant_scope(filled):
        assert model.kind == "word_list"
        assert Sentiment.objects.count() == 9


def test_labels_come_from_a_file_or_not_at_all(scope, by):
    assert sentiments.upload_labels("text,tone\n很好,好评\n很差,negative\n".encode("gb18030"), by) == 2
    for wrong in (b"", b"a,b\n1,2\n", "text,tone\n好,很棒\n".encode(), b"text,tone\n"):
        with pytest.raises(BadInput):
            sentiments.upload_labels(wrong, by)
    assert sorted(SentimentLabel.objects.values_list("tone", flat=True)) == ["negative", "positive"]


def test_vectors_find_items_alike_for_one_nobody_has_met(learnt, filled):
    learnt("vectors")
    with tenant_scope(filled):
        vectors = item_likeness.current()
        keys = vectors.item_keys_N[[3, 1]]
        vectors_MD, has_M = vectors.of(keys)
        assert vectors_MD.shape == (2, vectors.vectors_ND.shape[1])
        assert has_M.all()
        bare = Item.objects.get(external_id="i009")
        slate = slates.similar(bare, 5)
        assert [one.source for one in slate.items] == ["content"] * 5
        assert [one.item.category for one in slate.items].count("咖啡") >= 3


def test_pictures_teach_and_are_kept_small(learnt, filled, by):
    colours = {"红": (200, 40, 40), "蓝": (40, 40, 200)}
    files = {f"{name}/{number}.jpg": picture(rgb, seed=number) for name, rgb in colours.items() for number in range(30)}
    files |= {"红/broken.jpg": files["红/1.jpg"][:500], "蓝/evil.svg": b"<svg/>", "loose.jpg": files["红/1.jpg"]}
    with tenant_scope(filled):
        assert content_pictures.upload(archive(files), by) == (60, 1)
        assert content_pictures.upload(archive(files), by) == (0, 1)
        assert content_pictures.labels() == [("红", 30), ("蓝", 30)]
    model = learnt("pictures")
    assert model.result["models"][0]["test"]["tag_f1"] >= 0.9
    with tenant_scope(filled):
        assert content_pictures.remove_label("红", by) == 30
        assert LabelledPicture.objects.count() == 30
        with pytest.raises(BadInput):
            content_pictures.upload(SimpleUploadedFile("x.zip", b"no zip"), by)


PAGES = ("", "suggestions/", "suggestions/?show=decided", "sentiment/", "labels/", "pictures/")


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_new_brand_say_what_to_do(page, as_owner, brand):
    assert as_owner.get(f"/b/{brand.slug}/models/content/{page}").status_code == 200


def test_pages_start_a_fit_accept_and_take_back(as_owner, filled, work):
    root = f"/b/{filled.slug}/models/content/"
    answer = as_owner.post(f"{root}fit/", {"task": "tags", "preset": "quick", "accept_above": ""})
    assert "/model/" in answer.url
    work()
    assert "TextCNN" in as_owner.get(answer.url).content.decode()
    assert as_owner.get(answer.url, headers={"HX-Request": "true"}).status_code == 286
    with tenant_scope(filled):
        one = Suggestion.objects.filter(field="category").first()
        external_id = one.item.external_id
    assert one.value in as_owner.get(f"{root}item/{external_id}/").content.decode()
    as_owner.post(f"{root}suggestions/decide/", {"chosen": one.pk, "deed": "accept", "item": external_id})
    with tenant_scope(filled):
        assert Item.objects.get(external_id=external_id).category == one.value
    undone = as_owner.post(f"{root}suggestions/undo/{one.pk}/", {"item": external_id})
    assert undone.url.rstrip("/").endswith(external_id)
    with tenant_scope(filled):
        assert Item.objects.get(external_id=external_id).category == ""
    for page in PAGES:
        assert as_owner.get(f"{root}{page}").status_code == 200
