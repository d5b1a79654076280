"""The public template library accounts pick from, made up for the simulator."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Keyword:
    """One field a template may show."""

    kid: int
    name: str
    rule: str  # thing, time, amount, ...
    example: str
    values: tuple[str, ...] = ()  # of const


@dataclass(frozen=True)
class PublicTemplate:
    """An entry of the library. `kind`: once or long (subscription notices)."""

    tid: int
    title: str
    kind: str
    keywords: tuple[Keyword, ...]
    category_id: int = 612


def _entry(tid: int, title: str, kind: str, *keywords: tuple[str, str, str]) -> PublicTemplate:
    built = tuple(
        Keyword(number, name, rule, example, ("已支付", "已发货", "已完成") if rule == "const" else ())
        for number, (name, rule, example) in enumerate(keywords, start=1)
    )
    return PublicTemplate(tid, title, kind, built)


_ENTRIES: tuple[tuple[int, str, str, list[tuple[str, str, str]]], ...] = (
    (1101, "课程开课提醒", "once", [
        ("课程名称", "thing", "周末瑜伽课"), ("开课时间", "time", "2026-11-24 19:30"),
        ("上课地点", "thing", "线上教室"), ("备注", "thing", "请提前五分钟进入"),
    ]),
    (1102, "订单状态通知", "once", [
        ("订单编号", "character_string", "A20261124001"), ("订单状态", "const", "已发货"),
        ("金额", "amount", "¥99.00"), ("商品名称", "thing", "咖啡豆"),
    ]),
    (1103, "预约成功通知", "once", [
        ("预约人", "name", "李雷"), ("预约时间", "date", "2026-11-24"),
        ("联系电话", "phone_number", "13800138000"), ("预约项目", "thing", "到店体验"),
    ]),
    (1104, "学习进度通知", "long", [
        ("课程名称", "thing", "英语入门"), ("已学课时", "number", "12"), ("评语", "phrase", "优秀"),
    ]),
    (1105, "新品上架提醒", "once", [
        ("商品名称", "thing", "秋季新款"), ("上架时间", "time", "2026-11-24 10:00"), ("温馨提示", "thing", "限量供应"),
    ]),
)  # fmt: skip
LIBRARY = {tid: _entry(tid, title, kind, *keywords) for tid, title, kind, keywords in _ENTRIES}
INDUSTRIES = {
    "1": ("IT科技", "互联网|电子商务"),
    "2": ("IT科技", "IT软件与服务"),
    "16": ("教育", "培训"),
    "31": ("消费品", "消费品"),
}
