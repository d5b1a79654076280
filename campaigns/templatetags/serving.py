"""Names of model kinds and metrics on home."""

from django import template
from django.utils.translation import gettext_lazy as _

register = template.Library()

KINDS = {
    "popularity": _("Popularity"),
    "item_knn": _("Item neighbours"),
    "transformer": _("Transformer"),
    "transformer_knn": _("Transformer with item neighbours"),
    "majority": _("Majority"),
    "logistic": _("Logistic regression"),
    "engagement_dnn": _("Deep network"),
}
METRICS = {
    "hr_at_10": _("The next thing is among the first ten (HR@10)"),
    "ndcg_at_10": _("How far up it stands (NDCG@10)"),
    "f1": _("Converters found without false alarms (F1)"),
    "auc": _("Converters ranked above the others (AUC)"),
}


@register.filter
def model_kind(kind: str) -> str:
    """What the kind of a model is called."""
    return str(KINDS.get(kind, kind))


@register.filter
def metric_label(key: str) -> str:
    """What a metric is called, in words first."""
    return str(METRICS.get(key, key))
