"""The report adds up, survives storage, and the readiness bar says what is missing."""

import json

from audience.decoding import Rejected
from audience.problems import REASONS
from audience.quality import QualityReport, Tally, readiness


def test_the_report_adds_up_and_survives_storage():
    tally = Tally({"contact": "用户", "dwell_seconds": "停留"})
    tally.report.rows, tally.report.accepted = 40, 28
    tally.reject([Rejected(line, "time_unreadable", f"raw {line}") for line in range(2, 14)])
    tally.miss("dwell_seconds", 10, 2)
    tally.touch("negative", 3)
    tally.touch("negative", 2)
    tally.touch("dwell_quantile", 4, "0.995")
    tally.wonder(["发呆", "发呆", "睡觉"])
    tally.unmatched(["a1", "a2", "a1"])
    report = tally.finish()
    assert (report.rows, report.accepted, report.rejected) == (40, 28, 12)
    reason = report.reasons[0]
    assert (reason.code, reason.count, reason.lines, reason.examples) == (
        "time_unreadable", 12, list(range(2, 12)), ["raw 2", "raw 3", "raw 4"],
    )  # fmt: skip
    assert [(rule.name, rule.count, rule.parameter) for rule in report.rules] == [
        ("negative", 5, ""),
        ("dwell_quantile", 4, "0.995"),
    ]
    assert (report.columns[1].missing, report.columns[1].unreadable, report.columns[1].missing_share) == (10, 2, 0.25)
    assert (report.unknown_words, report.unmatched_items) == ({"发呆": 2, "睡觉": 1}, 2)
    assert QualityReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_every_reason_names_the_fault_and_the_fix():
    assert all(reason.title and reason.fix and code == reason.code for code, reason in REASONS.items())


def test_readiness_says_what_is_missing():
    bars = {bar.name: bar for bar in readiness(num_events=999, num_contacts_with_3=30, num_items=600, span_days=45)}
    assert (bars["events"].is_enough, bars["events"].more, bars["events"].percent) == (False, 1, 1)
    assert (bars["contacts"].is_enough, bars["contacts"].more) == (True, 970)
    assert (bars["items"].is_enough, bars["items"].more, bars["items"].percent) == (True, 0, 100)
    assert (bars["days"].is_enough, bars["days"].more, bars["days"].percent) == (True, 45, 50)


def test_readiness_at_the_recommended_amount_asks_for_nothing():
    assert all(bar.more == 0 and bar.is_enough for bar in readiness(50_000, 1_000, 100, 90))
