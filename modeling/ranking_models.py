"""The models inside rankers, computed by NumPy: smoothed rates, gradient-boosted trees, the networks of nn/ranking.py.

Stage: training (rates are fitted here) and prediction. Each takes raw features (NaN = missing) and standardises itself.
Shapes: R exposures, K acts, T towers, F features, L events of a history, E experts, G gates, D inputs. Histories may
have one line that serves all exposures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays
from modeling.classifiers import Standardiser
from modeling.histories import BoolArray, FloatArray, Int32Array
from modeling.ranking_config import ATTENTIVE, RankingNetConfig
from modeling.ranking_features import feature_names
from modeling.ranking_inputs import Batch, expert_layout


@dataclass(frozen=True)
class RatesModel:
    """odds = odds of the item's smoothed rate x odds of the contact's / odds of the mean contact."""

    num_events_read = 1

    acts: tuple[str, ...]
    means_K: FloatArray
    """Mean log-odds of contacts in training."""

    @classmethod
    def fit(cls, acts: tuple[str, ...], features_RF: FloatArray) -> Self:
        """Only the means of the contacts' log-odds are learnt."""
        return cls(acts, features_RF[:, _columns(acts, "contact")].mean(axis=0).astype(np.float32))

    @classmethod
    def stored(cls, config: Mapping[str, Any], arrays: Arrays) -> Self:
        """Out of an artifact."""
        return cls(tuple(config["acts"]), np.asarray(arrays["means_K"]))

    def config(self) -> dict[str, Any]:
        """Nothing but the acts is needed."""
        return {}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        return {"means_K": self.means_K}

    def answers(self, batch: Batch) -> FloatArray:
        """answers_RK."""
        features_RF = batch.features_RF
        contact_RK = features_RF[:, _columns(self.acts, "contact")] - self.means_K
        return sigmoid(features_RF[:, _columns(self.acts, "item")] + contact_RK)


def _columns(acts: tuple[str, ...], of: str) -> list[int]:
    names = feature_names(acts)
    return [names.index(f"{of}_rate_{act}") for act in acts]


@dataclass(frozen=True)
class TreesModel:
    """One boosted forest per act, all walked together. Node arrays hold the nodes of all trees one after the other."""

    num_events_read = 1

    num_acts: int
    baselines_K: FloatArray
    acts_P: Int32Array
    """Which act each tree belongs to."""
    roots_P: Int32Array
    features_M: Int32Array
    thresholds_M: NDArray[np.float64]
    """A row goes left when its value is not above it."""
    lefts_M: Int32Array
    """A leaf is its own left and right."""
    rights_M: Int32Array
    is_missing_left_M: BoolArray
    values_M: FloatArray
    depth: int
    """Steps from a root to the farthest leaf."""

    @classmethod
    def stored(cls, config: Mapping[str, Any], arrays: Arrays) -> Self:
        """Out of an artifact."""
        names = (*_TREE_ARRAYS, "baselines_K")
        return cls(num_acts=len(config["acts"]), depth=config["depth"], **{name: arrays[name] for name in names})

    def config(self) -> dict[str, Any]:
        """For the artifact."""
        return {"depth": self.depth}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        return {name: getattr(self, name) for name in (*_TREE_ARRAYS, "baselines_K")}

    def answers(self, batch: Batch) -> FloatArray:
        """answers_RK."""
        features_RF = batch.features_RF
        nodes_RP = np.broadcast_to(self.roots_P, (len(features_RF), len(self.roots_P)))
        rows_R1 = np.arange(len(features_RF))[:, None]
        for _ in range(self.depth):
            values_RP = features_RF[rows_R1, self.features_M[nodes_RP]]
            is_left_RP = np.where(
                np.isnan(values_RP), self.is_missing_left_M[nodes_RP], values_RP <= self.thresholds_M[nodes_RP]
            )
            nodes_RP = np.where(is_left_RP, self.lefts_M[nodes_RP], self.rights_M[nodes_RP])
        values_RP = self.values_M[nodes_RP]
        sums = [values_RP[:, self.acts_P == act].sum(axis=1) for act in range(self.num_acts)]
        return sigmoid(np.column_stack(sums) + self.baselines_K)


_TREE_ARRAYS = (
    "acts_P", "roots_P", "features_M", "thresholds_M", "lefts_M", "rights_M", "is_missing_left_M", "values_M",
)  # fmt: skip


@dataclass(frozen=True)
class NetModel:
    """A network of nn/ranking.py with the same weights."""

    family: str
    network: RankingNetConfig
    num_towers: int
    standardiser: Standardiser
    weights: Mapping[str, FloatArray]

    @property
    def num_events_read(self) -> int:
        """Length of the histories it was trained with."""
        return self.network.history_length

    @classmethod
    def stored(cls, config: Mapping[str, Any], arrays: Arrays) -> Self:
        """Out of an artifact."""
        weights = {name.removeprefix("net."): array for name, array in arrays.items() if name.startswith("net.")}
        network = RankingNetConfig.from_dict(config["network"])
        standardiser = Standardiser(np.asarray(arrays["means_F"]), np.asarray(arrays["deviations_F"]))
        return cls(config["family"], network, len(config["acts"]) + 1, standardiser, weights)

    def config(self) -> dict[str, Any]:
        """For the artifact."""
        return {"family": self.family, "network": self.network.to_dict()}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For the artifact."""
        weights = {f"net.{name}": np.asarray(array) for name, array in self.weights.items()}
        return {**self.standardiser.arrays(), **weights}

    def answers(self, batch: Batch) -> FloatArray:
        """answers_RT: probabilities of the acts, then the place of the stay."""
        weights = self.weights
        target_RD = self._vectors(batch.items_R, batch.facts_R3)
        events_RLD = self._vectors(batch.event_items_RL, batch.event_facts_RL3)
        events_RLD = events_RLD + weights["codes.weight"][batch.event_codes_RL]
        events_RLD += weights["gaps.weight"][batch.event_gaps_RL]
        if self.family in ATTENTIVE:
            weights_RL = self._attention(target_RD, events_RLD) * batch.is_event_RL
        else:
            weights_RL = batch.is_event_RL / np.maximum(batch.is_event_RL.sum(axis=1, keepdims=True), 1)
        interest_RD = np.matmul(weights_RL[:, None], events_RLD)[:, 0]
        interest_RD = np.broadcast_to(interest_RD, target_RD.shape)
        joined = normalise(np.concatenate([target_RD, interest_RD, target_RD * interest_RD], axis=1), weights, "norm")
        features_RF = self.standardiser.apply(batch.features_RF)
        first_RD = np.concatenate([joined, weights["hours.weight"][batch.hours_R], features_RF], axis=1)
        return sigmoid(self._towers(self._experts(self._cross(first_RD))))

    def _vectors(self, items: NDArray[Any], facts: NDArray[Any]) -> FloatArray:
        summed: FloatArray = self.weights["items.weight"][items]
        for place in range(facts.shape[-1]):
            summed = summed + self.weights[f"facts.{place}.weight"][facts[..., place]]
        return summed

    def _attention(self, target_RD: FloatArray, events_RLD: FloatArray) -> FloatArray:
        """weights_RL; the parts that know the target or the event alone are computed once each."""
        weights = self.weights
        hidden = (target_RD[:, None] * events_RLD) @ weights["attention.product.weight"].T
        hidden += events_RLD @ weights["attention.event.weight"].T
        hidden += (target_RD @ weights["attention.target.weight"].T + weights["attention.target.bias"])[:, None]
        np.maximum(hidden, 0, out=hidden)
        logits_RL = hidden @ weights["attention.output.weight"][0] + weights["attention.output.bias"]
        return sigmoid(logits_RL) / np.float32(np.sqrt(events_RLD.shape[1]))

    def _cross(self, first_RD: FloatArray) -> FloatArray:
        x_RD: FloatArray = first_RD
        place = 0
        while f"crosses.{place}.down.weight" in self.weights:
            down, up = self.weights[f"crosses.{place}.down.weight"], self.weights[f"crosses.{place}.up.weight"]
            crossed_RD = (x_RD @ down.T) @ up.T + self.weights[f"crosses.{place}.up.bias"]
            x_RD = (first_RD * crossed_RD + x_RD).astype(np.float32)
            place += 1
        return x_RD

    def _experts(self, inputs_RD: FloatArray) -> FloatArray:
        """representations_GRD of the last level."""
        x_GRD = inputs_RD[None]
        for level, (may_use_GE, input_E) in enumerate(expert_layout(self.family, self.network, self.num_towers)):
            part = {name: self.weights[f"levels.{level}.{name}"] for name in _EXPERT_PARTS}
            x_ERD = x_GRD if len(x_GRD) == 1 else x_GRD[input_E]
            hidden = np.maximum(np.matmul(x_ERD, part["first"]) + part["first_bias"][:, None], 0)
            out_ERD = np.maximum(np.matmul(hidden, part["second"]) + part["second_bias"][:, None], 0)
            logits_GRE = np.where(may_use_GE[:, None], np.matmul(x_GRD[: len(may_use_GE)], part["gates"]), -np.inf)
            gates_GRE = np.exp(logits_GRE - logits_GRE.max(axis=-1, keepdims=True))
            gates_GRE /= gates_GRE.sum(axis=-1, keepdims=True)
            x_GRD = np.matmul(gates_GRE.transpose(1, 0, 2), out_ERD.transpose(1, 0, 2)).transpose(1, 0, 2)
        return x_GRD

    def _towers(self, x_GRD: FloatArray) -> FloatArray:
        """logits_RT."""
        weights = self.weights
        x_TRD = x_GRD if len(x_GRD) == 1 else x_GRD[: self.num_towers]
        hidden = np.maximum(np.matmul(x_TRD, weights["towers.first"]) + weights["towers.first_bias"][:, None], 0)
        logits_TR = np.matmul(hidden, weights["towers.second"][..., None])[..., 0]
        return np.asarray(logits_TR.T + weights["towers.second_bias"])


_EXPERT_PARTS = ("first", "first_bias", "second", "second_bias", "gates")


def normalise(x_RD: FloatArray, weights: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Layer norm, as torch computes it."""
    centred = x_RD - x_RD.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + 1e-5)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)


def sigmoid(logits: NDArray[Any]) -> FloatArray:
    """1 / (1 + e^-x) without overflow, float32."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), np.float32)
