"""What model kinds, metrics, presets and verdicts are called, in words a marketer understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from modeling.models import Purpose

_TOGETHER = gettext_lazy("The neural network and the item neighbours decide together.")
KINDS: dict[str, tuple[Any, Any]] = {
    "popularity": (
        gettext_lazy("Popularity"),
        gettext_lazy("Shows what most followers liked lately; the same for everybody."),
    ),
    "item_knn": (
        gettext_lazy("Item neighbours"),
        gettext_lazy("Shows what others did soon after the things this follower did."),
    ),
    "transformer": (
        gettext_lazy("Transformer"),
        gettext_lazy("A neural network that reads a follower's acts in order and predicts the next."),
    ),
    "gru": (
        gettext_lazy("Recurrent network (GRU)"),
        gettext_lazy("A neural network that keeps a memory of a follower's acts and renews it with each."),
    ),
    "next_it_net": (
        gettext_lazy("Convolutional network (NextItNet)"),
        gettext_lazy("A neural network that looks for patterns in short and long stretches of a follower's acts."),
    ),
    "hstu": (
        gettext_lazy("Gated units (HSTU)"),
        gettext_lazy("A neural network that weighs a follower's acts by how alike and how long ago they are."),
    ),
    "transformer_knn": (gettext_lazy("Transformer with item neighbours"), _TOGETHER),
    "gru_knn": (gettext_lazy("Recurrent network with item neighbours"), _TOGETHER),
    "next_it_net_knn": (gettext_lazy("Convolutional network with item neighbours"), _TOGETHER),
    "hstu_knn": (gettext_lazy("Gated units with item neighbours"), _TOGETHER),
    "majority": (
        gettext_lazy("Majority"),
        gettext_lazy("Gives every follower the same chance: the share of those who converted."),
    ),
    "logistic": (
        gettext_lazy("Logistic regression"),
        gettext_lazy("Gives each kind of behaviour a weight and adds them up."),
    ),
    "engagement_dnn": (
        gettext_lazy("Deep network"),
        gettext_lazy("A neural network with two hidden layers that also sees how kinds of behaviour act together."),
    ),
    "wide_and_deep": (
        gettext_lazy("Wide & Deep"),
        gettext_lazy("Remembers pairs of behaviour that mattered, beside a deep network that generalises."),
    ),
    "deep_fm": (
        gettext_lazy("DeepFM"),
        gettext_lazy("Multiplies every pair of behaviours, beside a deep network on the same numbers."),
    ),
    "dcn_v2": (
        gettext_lazy("DCN-v2"),
        gettext_lazy("Crosses behaviours layer by layer, beside a deep network."),
    ),
    "event_cnn": (
        gettext_lazy("CNN over acts"),
        gettext_lazy("Looks for short patterns in what a follower did, in order, and adds the counts."),
    ),
    "event_rnn": (
        gettext_lazy("RNN over acts"),
        gettext_lazy("Reads what a follower did act by act, remembers what matters, and adds the counts."),
    ),
    "trees": (
        gettext_lazy("Boosted trees"),
        gettext_lazy("Hundreds of small decision trees, each mending the mistakes of those before; the usual rival."),
    ),
    "engagement_ensemble": (
        gettext_lazy("Ensemble"),
        gettext_lazy("All fitted models answer together, each weighted by what it adds on followers not learnt from."),
    ),
    "act_rates": (
        gettext_lazy("Item and follower rates"),
        gettext_lazy("Multiplies how often an item brings an act with how often the follower acts at all."),
    ),
    "act_trees": (
        gettext_lazy("Boosted trees per act"),
        gettext_lazy("One forest of decision trees for each act, on rates and counts."),
    ),
    "shared_bottom": (
        gettext_lazy("Shared bottom"),
        gettext_lazy("A neural network with one body for all acts and a head for each."),
    ),
    "din": (
        gettext_lazy("DIN"),
        gettext_lazy("Weighs each of the follower's earlier acts against the item shown before it judges."),
    ),
    "mmoe": (
        "MMoE",
        gettext_lazy("Target attention and a team of experts; each act listens to them in its own proportions."),
    ),
    "ple": (
        "PLE",
        gettext_lazy("Target attention with experts that all acts share and experts of each act alone."),
    ),
}
"""Kind -> name and what it does."""


@dataclass(frozen=True)
class Metric:
    """One measure of quality."""

    key: str
    label: Any
    help_text: Any
    is_higher_better: bool = True


ACTS: dict[str, Any] = {
    "open": gettext_lazy("Open"),
    "click": gettext_lazy("Click"),
    "read_comments": gettext_lazy("Read the comments"),
    "click_avatar": gettext_lazy("Open the author's page"),
    "like": gettext_lazy("Like"),
    "favourite": gettext_lazy("Add to favourites"),
    "share": gettext_lazy("Share"),
    "comment": gettext_lazy("Comment"),
    "follow": gettext_lazy("Follow"),
    "add_to_cart": gettext_lazy("Add to cart"),
    "purchase": gettext_lazy("Buy"),
    "enrol": gettext_lazy("Enrol"),
    "complete": gettext_lazy("Complete a lesson"),
}
"""What may follow when an item is shown."""


METRICS: dict[str, tuple[Metric, ...]] = {
    Purpose.NEXT_ITEM.value: (
        Metric("hr_at_10", "HR@10", gettext_lazy("Share of followers whose next item is among the ten recommended.")),
        Metric("ndcg_at_10", "NDCG@10", gettext_lazy("The same, and the more the higher up the item stands.")),
        Metric("mrr", "MRR", gettext_lazy("One divided by the place of the next item, on average.")),
        Metric(
            "coverage_at_10",
            gettext_lazy("Coverage"),
            gettext_lazy("Share of the catalogue that is recommended to anybody at all."),
        ),
    ),
    Purpose.ENGAGEMENT.value: (
        Metric("accuracy", gettext_lazy("Accuracy"), gettext_lazy("Share of followers judged rightly.")),
        Metric("precision", gettext_lazy("Precision"), gettext_lazy("Of those said to convert, how many did.")),
        Metric("recall", gettext_lazy("Recall"), gettext_lazy("Of those who converted, how many were found.")),
        Metric("f1", "F1", gettext_lazy("Precision and recall in one number.")),
        Metric(
            "auc",
            "AUC",
            gettext_lazy("Chance that a follower who converted is ranked above one who did not; 0.5 is a guess."),
        ),
        Metric("log_loss", gettext_lazy("Log-loss"), gettext_lazy("How far off the probabilities are."), False),
        Metric(
            "ece",
            "ECE",
            gettext_lazy("Gap between the probability said and the share that converted, on average."),
            False,
        ),
    ),
    Purpose.RANKING.value: (
        Metric(
            "weighted_uauc",
            gettext_lazy("Weighted uAUC"),
            gettext_lazy(
                "Chance that, of two items shown to one follower on one day, the one acted on stands higher; acts "
                "weighted as in the WeChat Big Data Challenge (read comments 4, like 3, open author 2, others 1)."
            ),
        ),
        Metric("uauc", "uAUC", gettext_lazy("The same as a plain mean over all acts.")),
        Metric("auc", "AUC", gettext_lazy("Mean over acts, showings of all followers together; 0.5 is a guess.")),
        Metric("log_loss", gettext_lazy("Log-loss"), gettext_lazy("How far off the probabilities are."), False),
        Metric(
            "ece",
            "ECE",
            gettext_lazy("Gap between the probability said and the share that acted, mean over acts."),
            False,
        ),
        Metric(
            "stay",
            gettext_lazy("Stay"),
            gettext_lazy("Agreement of expected and true stay among items of like length; 1 is perfect, 0 is chance."),
        ),
    ),
}
PRESETS: dict[str, tuple[Any, Any]] = {
    "quick": (gettext_lazy("Quick"), gettext_lazy("A small network; minutes for a brand of ordinary size.")),
    "standard": (gettext_lazy("Standard"), gettext_lazy("The full network; better, and several times slower.")),
    "simple": (gettext_lazy("Simple models only"), gettext_lazy("Popularity and item neighbours; seconds.")),
    "debug": (gettext_lazy("Debug"), gettext_lazy("A tiny network for tests.")),
}

SERVING = {
    "first": gettext_noop("It is the brand's first model and serves since then."),
    "replaced": gettext_noop("It replaced the version that served before."),
    "deep_stays": gettext_noop("A deep model that had shown its gain serves already and stays."),
    "better_stays": gettext_noop("The live version is better on the same data and stays."),
}
"""What became of a run's best model, by the code `versions.serve` returns."""

STUDIES: dict[str, tuple[Any, str]] = {
    "search": (
        gettext_lazy(
            "Tries many settings on a budget of minutes and shows which of them matter. It looks at the validation "
            "stage only; the best settings then start a normal training by one click."
        ),
        "ti-adjustments-search",
    ),
    "learning_curve": (
        gettext_lazy(
            "Learns from growing parts of the followers and forecasts what all of them, and twice as many, would bring "
            "– before a long training is paid for."
        ),
        "ti-chart-line",
    ),
    "cross_validation": (
        gettext_lazy(
            "Measures every model several times on parts it has not learnt from, so that chance shows: mean and "
            "standard error of each metric. The test stage takes no part."
        ),
        "ti-layers-difference",
    ),
}
"""Kind of study -> what it is for, and its icon."""


CALIBRATIONS = {
    "none": gettext_noop("It needed no calibration."),
    "temperature": gettext_noop("Calibrated by one factor on the log-odds (temperature)."),
    "platt": gettext_noop("Calibrated by a factor and an offset on the log-odds (Platt)."),
    "isotonic": gettext_noop("Calibrated by a rising curve (isotonic regression)."),
    "stacking": gettext_noop("Calibrated by the weights of its members."),
}
"""How a classifier was calibrated, by the calibrator's kind."""


def kind_label(kind: str) -> str:
    """The kind's name."""
    return str(KINDS[kind][0]) if kind in KINDS else kind


def explain_verdict(verdict: dict[str, Any]) -> str:
    """The gate's verdict in one or two sentences; empty without one (no deep model was fitted)."""
    if not verdict:
        return ""
    facts = {
        "deep": kind_label(verdict["deep_kind"]),
        "simple": kind_label(verdict["simple_kind"]),
        "metric": _metric_name(verdict["metric"]),
        "delta": f"{verdict['delta']:+.4f}",
        "low": f"{verdict['low']:+.4f}",
        "high": f"{verdict['high']:+.4f}",
        "units": verdict["num_units"],
    }
    return _SENTENCES[verdict["code"]]() % facts


def _metric_name(key: str) -> str:
    return {"ndcg_at_10": "NDCG@10", "log_loss": _("log-loss"), "weighted_uauc": _("weighted uAUC")}[key]


def _say_better() -> str:
    return _(
        "%(deep)s beats the best simple model (%(simple)s): %(metric)s improves by %(delta)s "
        "(95 %% interval %(low)s to %(high)s), measured on %(units)s followers that neither had learnt from."
    )


def _say_not_better() -> str:
    return _(
        "%(deep)s against the best simple model (%(simple)s): %(metric)s improves by %(delta)s, but the 95 %% interval "
        "%(low)s to %(high)s (%(units)s followers) does not lie above zero. The simple model serves."
    )


def _say_too_few() -> str:
    return _(
        "Only %(units)s followers could be measured, too few to tell whether %(deep)s is better than %(simple)s. "
        "The simple model serves; more behaviour helps."
    )


_SENTENCES = {"deep_is_better": _say_better, "not_better": _say_not_better, "too_few_users": _say_too_few}
