"""The way every brand goes, in both languages: sign in, upload, check, report, train, profile, recommendations."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.tenancy import tenant_scope
from audience.models import Event
from modeling.models import ModelVersion, TrainingPoint

NUM_PEOPLE, NUM_ITEMS, NUM_ACTS = 90, 40, 16
WORDS = {
    "zh": {
        "check": "上传并核对",
        "import": "开始导入",
        "train": "训练模型",
        "start": "开始训练",
        "done": "已完成",
        "recommendations": "推荐",
    },
    "en": {
        "check": "Upload and check",
        "import": "Start the import",
        "train": "Train a model",
        "start": "Start training",
        "done": "Done",
        "recommendations": "Recommendations",
    },
}
MINUTE = 60_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An item table, and an event log in which what comes next depends on what came before; two rows are odd."""
    folder, rng = tmp_path_factory.mktemp("files"), random.Random(3)
    items, events = folder / "内容表.csv", folder / "行为记录.csv"
    with items.open("w", newline="", encoding="utf-8-sig") as file:
        rows = ([f"a-{n}", "文章", f"第{n}篇：春茶笔记", "生活", "茶"] for n in range(NUM_ITEMS))
        csv.writer(file).writerows([["编号", "类型", "标题", "分类", "标签"], *rows])
    with events.open("w", newline="", encoding="gb18030") as file:
        writer = csv.writer(file)
        writer.writerow(["用户", "动作", "文章", "时间", "停留时长(秒)"])
        for person in range(NUM_PEOPLE):
            at, item = datetime(2026, 9, 1, 8) + timedelta(hours=person), rng.randrange(NUM_ITEMS)
            for _act in range(NUM_ACTS):
                writer.writerow(
                    [f"u{person:03}", "阅读", f"a-{item}", f"{at:%Y-%m-%d %H:%M:%S}", rng.randrange(20, 200)]
                )
                at += timedelta(hours=rng.randrange(5, 40))
                item = (item + rng.choice([1, 1, 1, 2])) % NUM_ITEMS
        writer.writerow(["u000", "阅读", "a-1", "昨天下午", "30"])
        writer.writerow(["u000", "阅读", "nowhere-9", "2026-09-02 10:00:00", "30"])
    return items, events


def upload(page: Page, path: Path, words: dict[str, str]) -> None:
    """Choose the file, send it, look at what was found, start, wait for the report."""
    page.set_input_files("input[name=file]", str(path))
    page.get_by_role("button", name=words["check"]).click()
    expect(page.locator("h1")).to_have_text(path.name)
    page.get_by_role("button", name=words["import"]).click()
    expect(page.locator(".stats").first).to_be_visible(timeout=MINUTE)


def column_choices(page: Page) -> dict[str, str]:
    """Header of the file -> what the check page took the column for."""
    rows = page.locator("table.columns tbody tr")
    return {
        row.locator("td").first.inner_text(): str(row.locator("select option:checked").get_attribute("value"))
        for row in rows.all()
    }


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_from_an_uploaded_file_to_recommendations(visitor, shop, files, language):
    words, (items, events) = WORDS[language], files
    someone = visitor(language)
    page = someone.sign_in("lin@browser.test")

    page.locator(".fw-door-main a").click()
    upload(page, items, words)
    expect(page.locator(".stats .text-green")).to_have_text(str(NUM_ITEMS))

    page = someone.open("/b/shop/data/upload/")
    page.set_input_files("input[name=file]", str(events))
    page.get_by_role("button", name=words["check"]).click()
    expect(page.locator("h1")).to_have_text(events.name)
    assert column_choices(page) == {
        "用户": "contact", "动作": "kind", "文章": "item", "时间": "occurred_at", "停留时长(秒)": "dwell_seconds",
    }  # fmt: skip
    page.get_by_role("button", name=words["import"]).click()
    expect(page.locator(".stats .text-green")).to_have_text("1,441", timeout=MINUTE)
    expect(page.locator(".stats .text-orange")).to_have_text("1")
    expect(page.locator("#set-aside")).to_contain_text("昨天下午")
    with tenant_scope(shop):
        assert Event.objects.count() == NUM_PEOPLE * NUM_ACTS + 1  # the unknown item became a draft

    page.get_by_role("link", name=words["train"]).first.click()
    page.locator("details summary").click()
    for name, value in {"max_epochs": "6", "width": "16", "num_blocks": "1", "num_heads": "1"}.items():
        page.fill(f"[name={name}]", value)
    page.get_by_role("button", name=words["start"]).click()
    page.wait_for_url("**/models/runs/*/")
    expect(page.locator("[data-echart=chart-loss] canvas")).to_be_visible(timeout=2 * MINUTE)
    expect(page.locator(".fw-job .fw-badge")).to_have_text(words["done"], timeout=3 * MINUTE)
    with tenant_scope(shop):
        assert {version.kind for version in ModelVersion.objects.all()} >= {"popularity", "item_knn", "transformer"}
        assert TrainingPoint.objects.count() >= 6

    page = someone.open("/b/shop/contacts/")
    page.locator("main input[name=text]").fill("u007")
    page.locator("main input[name=text]").press("Enter")
    page.get_by_role("link", name="u007").first.click()
    page.wait_for_url("**/contacts/*/")
    expect(page.locator(".rec-profile .rec-counts b").nth(3)).to_have_text(str(NUM_ACTS))
    expect(page.locator(".rec-profile .rec-interests")).to_contain_text("生活")

    page.locator(".fw-nav a", has_text=words["recommendations"]).click()
    page.fill("#rec-text", "u007")
    page.locator(".rec-person", has_text="u007").click()
    expect(page.locator(".rec-stage h2")).to_contain_text("u007")
    expect(page.locator(".rec-list li")).to_have_count(10)
    assert all(text.strip() for text in page.locator(".rec-reason").all_inner_texts())
    assert page.locator(".rec-list img").evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)")
