"""Stage: demo files. Reads the world; writes the files a brand would upload: followers, behaviour, engagement.

Headers are Chinese, times are local, money is in yuan, and a few lines of the log are broken the way exports break.
"""

import polars as pl

from demo.behaviour import World

CONTACTS_FILE = "粉丝列表.csv"
EVENTS_FILE = "行为记录.csv"
ENGAGEMENT_FILE = "weixin_data.csv"
_LOCAL = "%Y-%m-%d %H:%M:%S%.3f"
_GENDERS = {"female": "女", "male": "男", "": ""}
_BROKEN_LINES = (
    "ev9900001,,{item},read,{time},35.0,,",
    "ev9900002,,{item},like,{time},,,",
    "ev9900003,{contact},{item},read,昨天晚上,42.0,,",
    "ev9900004,{contact},{item},like,刚刚,,,",
    "ev9900005,{contact},{item},read,,51.0,,",
    "ev9900006,{contact},{item},阅毕即焚,{time},,,",
)


def write_contacts(world: World) -> bytes:
    """The follower list as CSV."""
    age = pl.col("age_band").str.replace("_plus", "岁以上").str.replace("_", "-")
    table = world.contacts.select(
        pl.col("external_id").alias("用户编号"),
        pl.col("openid"),
        pl.col("name").alias("昵称"),
        pl.col("gender").replace_strict(_GENDERS).alias("性别"),
        age.alias("年龄段"),
        pl.col("region").alias("省份"),
        pl.col("city").alias("城市"),
        pl.col("tags").list.join("、").alias("标签"),
        _local("followed_at").alias("关注时间"),
        pl.col("channel").alias("来源渠道"),
    )
    return table.write_csv().encode()


def write_events(world: World) -> bytes:
    """The behaviour log as CSV, with its faults and a handful of broken lines at the end."""
    table = world.events.select(
        pl.col("source_id").alias("流水号"),
        pl.col("contact").alias("用户编号"),
        pl.col("item").alias("内容编号"),
        pl.col("kind").alias("行为"),
        _local("occurred_at").alias("发生时间"),
        pl.col("dwell_seconds").alias("停留时长"),
        (pl.col("amount_fen") / 100).alias("金额"),
        pl.col("text").alias("评论内容"),
    )
    sample = {"item": world.items["external_id"][0], "contact": world.contacts["external_id"][0]}
    time = world.clean_events.select(_local("occurred_at").alias("time"))["time"][-1]
    broken = "".join(f"{line.format(time=time, **sample)}\n" for line in _BROKEN_LINES)
    return (table.write_csv() + broken).encode()


def write_engagement(world: World) -> bytes:
    """The worked example as CSV under the headers the field uses."""
    return world.weixin_data.write_csv().encode()


def _local(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone("Asia/Shanghai").dt.strftime(_LOCAL)
