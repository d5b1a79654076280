"""The proof of benchmarks/reachability.py in small: ask first, then send, and nothing is refused."""

from benchmarks.random_lives import NUM_UNASKED
from benchmarks.reachability import prove, started


def test_whoever_asks_first_is_never_refused_for_window_quota_or_consent():
    with started() as (platform, ear):
        tally = prove(platform, ear, num_sends=150, seed=7)
    assert tally.num_sent >= 150
    assert tally.refused == {}
    assert {reason.split()[1] for reason in tally.other} <= {"48002", "TransportFailed"}  # never told; answer lost
    assert {"customer_message", "subscription_notice", "template"} <= set(tally.sent)
    assert tally.num_refused_unasked > NUM_UNASKED / 5
