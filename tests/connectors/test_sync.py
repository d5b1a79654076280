"""Fetching followers, tags, articles and totals from the simulated platform, as a worker does it."""

import io

import pytest
from PIL import Image

from accounts import jobs
from accounts.models import Job
from accounts.tenancy import tenant_scope
from audience.models import Contact, Event, Identity
from catalog.models import Item
from common.errors import Conflict
from connectors import totals
from connectors.clients import client_for
from connectors.models import ApiUsage, ConnectedAccount, Follower, PlatformTag, PlatformTotal, SyncRun
from connectors.secrets import seal
from connectors.sync import followers, runs
from connectors.sync.articles import plain_text
from connectors.wechat import articles, drafts, materials, publishing, tags

Kind = SyncRun.Kind


@pytest.fixture
def account(brand, platform, settings):
    """A verified service account on the simulated platform, connected by its secret."""
    settings.SIMULATOR_URL = platform.url
    remote = platform.add_account(kind="service", verified=True)
    with tenant_scope(brand):
        made = ConnectedAccount(
            app_id=remote.app_id, name=remote.name, kind="service", is_verified=True, is_simulated=True
        )
        seal(made, "app_secret", remote.secret)
        made.save()
    return made


@pytest.fixture
def fetch(account, brand, by, work):
    """`fetch(kind)` is a whole pass, done now."""

    def do(kind):
        with tenant_scope(brand):
            run = runs.start(account, kind, by)
        work()
        with tenant_scope(brand):
            return SyncRun.objects.select_related("job").get(pk=run.pk)

    return do


def openids(brand, **wanted):
    with tenant_scope(brand):
        return set(Identity.objects.filter(kind="openid", **wanted).values_list("value", flat=True))


def test_every_follower_becomes_a_contact_with_what_the_platform_tells(fetch, account, brand, platform):
    known = platform.add_users(account.app_id, 7)
    run = fetch(Kind.FOLLOWERS)
    assert run.job.state == Job.State.SUCCEEDED
    assert run.counts == {"following": 7, "new": 7, "asked": 7, "left": 0, "same_person": 0, "merged": 0}
    assert openids(brand) == set(known)
    with tenant_scope(brand):
        follower = Follower.objects.select_related("contact").get(openid=known[0])
        identity = Identity.objects.get(value=known[0])
        assert follower.contact.external_id == known[0]
        assert follower.scene.startswith("ADD_SCENE")
        assert identity.is_following
        assert identity.followed_at == follower.contact.followed_at
        assert Event.objects.count() == 0  # a list is no act of anybody
        assert followers.num_following(account) == 7


def test_a_second_pass_adds_nobody_and_finds_who_left_unnoticed(fetch, account, brand, platform):
    known = platform.add_users(account.app_id, 5)
    fetch(Kind.FOLLOWERS)
    platform.do("unfollow", app_id=account.app_id, openid=known[2])
    run = fetch(Kind.FOLLOWERS)
    assert (run.counts["new"], run.counts["left"], run.counts["following"]) == (0, 1, 4)
    assert openids(brand, unfollowed_at__isnull=False) == {known[2]}
    with tenant_scope(brand):
        assert followers.num_following(account) == 4
        assert Contact.objects.count() == 5


def test_who_comes_back_follows_again(fetch, account, brand, platform):
    (openid,) = platform.add_users(account.app_id, 1)
    fetch(Kind.FOLLOWERS)
    platform.do("unfollow", app_id=account.app_id, openid=openid)
    fetch(Kind.FOLLOWERS)
    platform.advance(3600)
    platform.do("follow", app_id=account.app_id, openid=openid)
    fetch(Kind.FOLLOWERS)
    with tenant_scope(brand):
        assert Identity.objects.get(value=openid).is_following


def test_a_known_contact_is_not_made_twice(fetch, account, brand, platform):
    (openid,) = platform.add_users(account.app_id, 1)
    with tenant_scope(brand):
        contact = Contact.objects.create(external_id="member-1", name="林欣")
        Identity.objects.create(contact=contact, kind="openid", account_ref=account.app_id, value=openid)
    fetch(Kind.FOLLOWERS)
    with tenant_scope(brand):
        assert [follower.contact_id for follower in Follower.objects.all()] == [contact.pk]
        assert Contact.objects.count() == 1


def test_a_pass_cut_off_in_the_middle_goes_on_from_its_last_page(account, brand, by, work, platform, monkeypatch):
    monkeypatch.setattr(followers, "_DETAILS_AT_ONCE", 3)
    known = platform.add_users(account.app_id, 8)
    with tenant_scope(brand):
        run = runs.start(account, Kind.FOLLOWERS, by)
    platform.fail("errcode", errcode=45011, path="/cgi-bin/user/info/batchget", remaining=99)
    work()
    with tenant_scope(brand):
        stopped = SyncRun.objects.get(pk=run.pk)
        assert (stopped.job.state, stopped.cursor["phase"], stopped.counts["following"]) == ("failed", "details", 8)
    platform.do("clear_faults")
    pages = len(platform.calls("/cgi-bin/user/get"))
    with tenant_scope(brand):
        runs.resume(stopped)
    work()
    with tenant_scope(brand):
        ended = SyncRun.objects.get(pk=run.pk)
        assert (ended.job.state, ended.counts["asked"]) == ("succeeded", 8)
        assert ended.completed_at is not None
    assert len(platform.calls("/cgi-bin/user/get")) == pages  # the list is not read again
    assert openids(brand) == set(known)


def test_a_used_up_day_parks_the_pass_and_beat_takes_it_up_again(fetch, account, brand, work, platform):
    platform.add_users(account.app_id, 2)
    platform.fail("errcode", errcode=45009, path="/cgi-bin/user/get", remaining=1)
    run = fetch(Kind.FOLLOWERS)
    assert run.resume_after is not None
    assert run.completed_at is None
    with tenant_scope(brand):
        ApiUsage.objects.all().delete()  # another day
        SyncRun.objects.filter(pk=run.pk).update(resume_after=run.created_at)
    runs.keep_up(brand.pk)
    work()
    with tenant_scope(brand):
        assert SyncRun.objects.get(pk=run.pk).counts["asked"] == 2


def test_beat_fetches_each_list_once_a_day(account, brand, work, platform):
    assert runs.keep_up(brand.pk) == 6
    work()
    assert runs.keep_up(brand.pk) == 0


def test_one_pass_of_a_kind_at_a_time_and_none_for_a_mini_program(account, brand, by):
    with tenant_scope(brand):
        runs.start(account, Kind.TAGS, by)
        with pytest.raises(Conflict, match="already"):
            runs.start(account, Kind.TAGS, by)
        account.kind = "miniprogram"
        with pytest.raises(Conflict, match="no such list"):
            runs.start(account, Kind.FOLLOWERS, by)
        assert SyncRun.objects.count() == 1


def test_cancelling_keeps_what_was_fetched(account, brand, by, work, platform):
    platform.add_users(account.app_id, 2)
    with tenant_scope(brand):
        run = runs.start(account, Kind.FOLLOWERS, by)
        jobs.cancel(run.job)
    work()
    with tenant_scope(brand):
        assert SyncRun.objects.get(pk=run.pk).job.state == "cancelled"


def test_tags_of_the_platform_become_tags_of_contacts_and_go_with_them(fetch, account, brand, platform):
    known = platform.add_users(account.app_id, 3)
    fetch(Kind.FOLLOWERS)
    with tenant_scope(brand):
        client = client_for(account)
    vip = tags.create_tag(client, "会员")
    tags.tag_users(client, vip.id, known[:2])
    run = fetch(Kind.TAGS)
    assert run.counts["tagged"] == 2
    with tenant_scope(brand):
        assert Contact.objects.filter(tags__contains=["会员"]).count() == 2
    tags.untag_users(client, vip.id, known[:1])
    assert fetch(Kind.TAGS).counts["untagged"] == 1
    with tenant_scope(brand):
        assert [c.external_id for c in Contact.objects.filter(tags__contains=["会员"])] == [known[1]]
        assert PlatformTag.objects.get(name="会员").num_people == 1


def test_a_tag_the_brand_leads_is_put_on_its_followers(fetch, account, brand, platform):
    known = platform.add_users(account.app_id, 60)
    fetch(Kind.FOLLOWERS)
    with tenant_scope(brand):
        client = client_for(account)
        tag = tags.create_tag(client, "高潜")
        tags.tag_users(client, tag.id, known[59:])
        Contact.objects.filter(external_id__in=known[:55]).update(tags=["高潜"])
        Follower.objects.filter(openid=known[59]).update(tag_ids=[tag.id])
        PlatformTag.objects.create(account=account, platform_id=tag.id, name="高潜", leader="brand")
    run = fetch(Kind.TAGS)
    assert (run.counts["put_on"], run.counts["taken_off"]) == (55, 1)
    (page,) = tags.tagged_pages(client, tag.id)
    assert set(page.openids) == set(known[:55])


def test_totals_are_kept_as_totals_and_touch_no_person(fetch, account, brand, platform):
    platform.advance(-3 * 86_400)
    platform.add_users(account.app_id, 4)
    platform.advance(3 * 86_400)
    run = fetch(Kind.STATISTICS)
    assert run.job.state == "succeeded", run.job.error_template
    with tenant_scope(brand):
        assert PlatformTotal.objects.filter(report="followers").order_by("-day").first().measures["num_followers"] == 4
        num = PlatformTotal.objects.count()
        assert Contact.objects.count() == 0
        assert Event.objects.count() == 0
    fetch(Kind.STATISTICS)
    with tenant_scope(brand):
        assert PlatformTotal.objects.count() == num


def test_totals_of_an_article_carry_its_title(fetch, account, brand, platform):
    with tenant_scope(brand):
        client = client_for(account)
    platform.advance(-3 * 86_400)
    cover = materials.upload_permanent(client, materials.MediaKind.IMAGE, picture())
    publishing.publish(
        client, drafts.add_draft(client, articles.Article("春茶上新", "<p>明前龙井</p>", cover.media_id))
    )
    platform.advance(120)
    platform.advance(3 * 86_400)
    fetch(Kind.STATISTICS)
    with tenant_scope(brand):
        found = PlatformTotal.objects.filter(report="articles")
        assert {row.measures["title"] for row in found} == {"春茶上新"}
        assert totals.of(account)["articles"][0]["title"] == "春茶上新"


def test_markup_is_read_as_words():
    assert plain_text("<style>a{}</style><p>春茶&nbsp;上新</p><script>x()</script><b>Hi</b>") == "春茶 上新 Hi"


def test_published_articles_and_drafts_are_items(fetch, account, brand, platform):
    with tenant_scope(brand):
        client = client_for(account)
    cover = materials.upload_permanent(client, materials.MediaKind.IMAGE, picture())
    media_id = drafts.add_draft(client, articles.Article("春茶上新", "<p>明前龙井</p>", cover.media_id, author="小青"))
    run = fetch(Kind.ARTICLES)
    assert run.counts["new_drafts"] == 1
    publishing.publish(client, media_id)
    platform.advance(120)
    run = fetch(Kind.ARTICLES)
    assert run.counts["new_articles"] == 1
    with tenant_scope(brand):
        published = Item.objects.get(state="active")
        assert (published.title, published.author, published.text) == ("春茶上新", "小青", "明前龙井")
        assert Item.objects.get(external_id=f"{media_id}:1").state == "retired"


def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "teal").save(buffer, "PNG")
    return buffer.getvalue()
