"""The settings of a run that people may change, with their limits: forms and REST API offer exactly these.

Everything else of a configuration stands in its preset. Free of database access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from modeling.configs import JsonConfig
from modeling.errors import ConfigInvalid
from modeling.models import Purpose
from modeling.search_space import SearchRange, between, by_factor, one_of


@dataclass(frozen=True)
class Hyperparameter:
    """One setting: where it stands in the configuration, its limits and what it does."""

    name: str
    section: str
    """Field of the configuration that holds it; empty for the top level."""
    label: Any
    help_text: Any
    low: float
    high: float
    search: SearchRange | None = None
    """What a search tries; None keeps the preset's value."""
    also: tuple[str, ...] = ()
    """Further sections that take the same value: the other networks a run may fit."""

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return isinstance(self.low, int)

    def read(self, config: Mapping[str, Any]) -> Any:
        """The value in a configuration's plain form."""
        return (config[self.section] if self.section else config)[self.name]

    def write(self, config: dict[str, Any], value: Any) -> None:
        """Put the value into a configuration's plain form; raises ConfigInvalid outside the limits."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.high or (self.is_whole and int(value) != value):
            raise ConfigInvalid(
                gettext_noop("%(name)s must be a number from %(low)s to %(high)s."),
                name=self.name,
                low=self.low,
                high=self.high,
            )
        for name in (self.section, *self.also):
            section = config[name] if name else config
            section[self.name] = int(value) if self.is_whole else float(value)


_OTHERS = ("gru", "next_it_net", "hstu")
_NEXT_ITEM = (
    Hyperparameter(
        "max_epochs", "trainer", _("Epochs at most"),
        _("Passes over all behaviour. Training stops earlier when it no longer gets better."), 1, 200,
    ),
    Hyperparameter(
        "patience", "trainer", _("Patience"),
        _("Stop after this many epochs without a better validation result."), 1, 50,
    ),
    Hyperparameter(
        "learning_rate", "trainer", _("Learning rate"),
        _("How big the steps are. Too high and the loss jumps, too low and it takes long."), 0.00001, 0.1,
        search=by_factor(0.0005, 0.01),
    ),
    Hyperparameter(
        "batch_events", "trainer", _("Events per step"), _("More is steadier and needs more memory."), 256, 65536,
        search=one_of(1024, 2048, 4096, 8192),
    ),
    Hyperparameter(
        "weight_decay", "trainer", _("Weight decay"),
        _("Pulls weights towards zero, against learning by heart."), 0.0, 1.0,
        search=by_factor(0.0001, 0.3),
    ),
    Hyperparameter(
        "width", "transformer", _("Width"),
        _("Numbers that describe each item. Wider knows more and needs more data."), 8, 512,
        search=one_of(32, 48, 64, 96, 128), also=_OTHERS,
    ),
    Hyperparameter(
        "num_blocks", "transformer", _("Blocks"), _("Layers of a network."), 1, 8, search=between(1, 4), also=_OTHERS
    ),
    Hyperparameter(
        "num_heads", "transformer", _("Heads"), _("Views per layer of attention; must divide the width."), 1, 8,
        search=one_of(1, 2, 4), also=("hstu",),
    ),
    Hyperparameter(
        "max_events", "transformer", _("History length"), _("How many of a follower's newest acts are read."), 5, 500,
        search=one_of(25, 50, 100, 200), also=_OTHERS,
    ),
    Hyperparameter(
        "dropout", "transformer", _("Dropout"),
        _("Share of signals hidden while training, against learning by heart."), 0.0, 0.8,
        search=between(0.0, 0.6), also=_OTHERS,
    ),
    Hyperparameter(
        "week_parts", "transformer", _("Parts of the week"),
        _("Tells apart when in the week acts happen: 0 does not, 7 by day, 168 by hour."), 0, 168, also=_OTHERS,
    ),
    Hyperparameter(
        "id_dropout", "transformer", _("Hidden items"),
        _("Share of items known by category, author and tags only at each step, so that new items can be ranked."),
        0.0, 0.9, search=between(0.0, 0.3), also=_OTHERS,
    ),
    Hyperparameter(
        "action_weight", "transformer", _("Weight of the act"),
        _("How much predicting what a follower does with the next item counts beside which item it is."), 0.0, 2.0,
        also=_OTHERS,
    ),
    Hyperparameter(
        "max_full_items", "trainer", _("Items learnt in full"),
        _("Larger catalogues are learnt from a sample of items at each step."), 10, 1_000_000,
    ),
    Hyperparameter("num_negatives", "trainer", _("Sampled items"), _("Size of that sample."), 16, 65536),
)  # fmt: skip
_ENGAGEMENT = (
    Hyperparameter(
        "max_epochs", "trainer", _("Epochs at most"),
        _("Passes over all behaviour. Training stops earlier when it no longer gets better."), 1, 1000,
    ),
    Hyperparameter(
        "patience", "trainer", _("Patience"),
        _("Stop after this many epochs without a better validation result."), 1, 200,
    ),
    Hyperparameter(
        "learning_rate", "trainer", _("Learning rate"),
        _("How big the steps are. Too high and the loss jumps, too low and it takes long."), 0.00001, 0.1,
        search=by_factor(0.0002, 0.02),
    ),
    Hyperparameter(
        "batch_rows", "trainer", _("Followers per step"), _("More is steadier and needs more memory."), 8, 4096,
        search=one_of(32, 64, 128, 256),
    ),
    Hyperparameter(
        "weight_decay", "trainer", _("Weight decay"),
        _("Pulls weights towards zero, against learning by heart."), 0.0, 1.0,
        search=by_factor(0.00001, 0.3),
    ),
    Hyperparameter(
        "hidden_1", "network", _("First hidden layer"), _("Number of its neurons."), 2, 1024,
        search=one_of(16, 32, 64, 128, 256),
    ),
    Hyperparameter(
        "hidden_2", "network", _("Second hidden layer"), _("Number of its neurons."), 2, 1024,
        search=one_of(8, 16, 32, 64, 128),
    ),
    Hyperparameter(
        "dropout", "network", _("Dropout"),
        _("Share of signals hidden while training, against learning by heart."), 0.0, 0.8,
        search=between(0.0, 0.6),
    ),
    Hyperparameter(
        "positive_weight", "trainer", _("Weight of converted followers"),
        _("Above 1 learns more from the rarer kind; 0 makes both kinds weigh the same. Probabilities stay true."),
        0.0, 1000.0,
    ),
    Hyperparameter(
        "kept_negatives", "trainer", _("Share of the others per epoch"),
        _("Below 1 is faster where few convert. Probabilities stay true."), 0.01, 1.0,
    ),
    Hyperparameter(
        "embedding_width", "fields", _("Numbers per bucket"),
        _("Wide & Deep, DeepFM and DCN-v2: how finely they describe each stretch of a feature."), 1, 64,
        search=one_of(2, 4, 8, 16),
    ),
    Hyperparameter(
        "num_cross_layers", "fields", _("Cross layers"),
        _("DCN-v2: how many kinds of behaviour may act together."), 1, 6, search=between(1, 4),
    ),
    Hyperparameter("width", "events", _("Numbers per act"), _("CNN and RNN over acts."), 4, 256,
                   search=one_of(8, 16, 24, 48)),
    Hyperparameter(
        "num_seeds", "ensemble", _("Fits per network"),
        _("More are averaged inside the ensemble: steadier, and as many times slower."), 1, 10,
    ),
)  # fmt: skip
_RANKING = (
    Hyperparameter(
        "max_epochs", "trainer", _("Epochs at most"),
        _("Passes over all behaviour. Training stops earlier when it no longer gets better."), 1, 50,
    ),
    Hyperparameter(
        "patience", "trainer", _("Patience"),
        _("Stop after this many epochs without a better validation result."), 1, 20,
    ),
    Hyperparameter(
        "learning_rate", "trainer", _("Learning rate"),
        _("How big the steps are. Too high and the loss jumps, too low and it takes long."), 0.00001, 0.1,
        search=by_factor(0.0005, 0.02),
    ),
    Hyperparameter(
        "batch_rows", "trainer", _("Showings per step"), _("More is steadier and needs more memory."), 32, 16384,
        search=one_of(256, 512, 1024, 2048),
    ),
    Hyperparameter(
        "weight_decay", "trainer", _("Weight decay"),
        _("Pulls weights towards zero, against learning by heart."), 0.0, 1.0, search=between(0.0, 0.1),
    ),
    Hyperparameter(
        "pairwise_weight", "trainer", _("Order within a person"),
        _("How much it counts to put what one person acted on above what the same person left alone that day."),
        0.0, 10.0, search=between(0.0, 1.0),
    ),
    Hyperparameter(
        "width", "network", _("Width"),
        _("Numbers that describe each item. Wider knows more and needs more data."), 4, 128,
        search=one_of(8, 16, 32),
    ),
    Hyperparameter(
        "history_length", "network", _("History length"),
        _("How many of a follower's newest acts are read."), 5, 200,
    ),
    Hyperparameter(
        "num_experts", "network", _("Experts"), _("MMoE and PLE: networks that all acts share."), 1, 16,
        search=between(2, 8),
    ),
    Hyperparameter(
        "dropout", "network", _("Dropout"),
        _("Share of signals hidden while training, against learning by heart."), 0.0, 0.8,
        search=between(0.0, 0.4),
    ),
)  # fmt: skip
HYPERPARAMETERS: dict[str, tuple[Hyperparameter, ...]] = {
    Purpose.NEXT_ITEM.value: _NEXT_ITEM,
    Purpose.ENGAGEMENT.value: _ENGAGEMENT,
    Purpose.RANKING.value: _RANKING,
}


def search_space(purpose: str) -> dict[str, SearchRange]:
    """The settings of a purpose that a search tries, by name."""
    return {one.name: one.search for one in HYPERPARAMETERS[purpose] if one.search is not None}


def changed(config: Any, purpose: str, changes: Mapping[str, Any]) -> Any:
    """The configuration with some hyper-parameters replaced; raises ConfigInvalid for unknown names and bad values."""
    known = {parameter.name: parameter for parameter in HYPERPARAMETERS[purpose]}
    values = config.to_dict()
    for name, value in changes.items():
        if name not in known:
            raise ConfigInvalid(
                gettext_noop("%(name)s cannot be changed; these can: %(known)s."),
                name=name,
                known=", ".join(sorted(known)),
            )
        known[name].write(values, value)
    return config.from_dict(values)


def read_settings(config: JsonConfig, purpose: str, names: Sequence[str]) -> dict[str, Any]:
    """The hyper-parameters of a configuration, those named."""
    values = config.to_dict()
    return {one.name: one.read(values) for one in HYPERPARAMETERS[purpose] if one.name in names}
