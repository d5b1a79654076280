"""Train one family of engagement models: resumable, cancellable, watched. Every net gets the same budget.

Stage: training. Reads an engagement dataset; writes a checkpoint into the run's directory; returns a classifier.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modeling import training_runtime  # first: it sets how torch waits

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from modeling.classifiers import Classifier, NetClassifier
from modeling.engagement_config import FAMILIES, TREES, EngagementConfig
from modeling.engagement_datasets import EngagementDataset
from modeling.engagement_features import FeatureEncoder
from modeling.engagement_numpy import EVENT_KINDS
from modeling.errors import ConfigInvalid, DatasetInvalid, TrainingCancelled, TrainingDiverged
from modeling.metrics import classification_metrics
from modeling.nn.dcn_v2 import DcnV2
from modeling.nn.deep_fm import DeepFm
from modeling.nn.engagement_dnn import EngagementDnn
from modeling.nn.engagement_inputs import RowInputs
from modeling.nn.event_cnn import EventCnn
from modeling.nn.event_rnn import EventRnn
from modeling.nn.wide_and_deep import WideAndDeep
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.training_checkpoints import Checkpointed
from modeling.training_trees import fit_trees

NETS: dict[str, type[Any]] = {
    "engagement_dnn": EngagementDnn,
    "wide_and_deep": WideAndDeep,
    "deep_fm": DeepFm,
    "dcn_v2": DcnV2,
    "event_cnn": EventCnn,
    "event_rnn": EventRnn,
}
"""Family -> net, made from (configuration, number of features)."""


@dataclass(frozen=True)
class FamilyResult:
    """A fitted classifier, not yet calibrated, and how it was found."""

    classifier: Classifier
    best_epoch: int
    num_epochs: int
    num_steps: int
    elapsed_seconds: float
    num_parameters: int
    curve: list[dict[str, Any]]

    def notes(self) -> dict[str, Any]:
        """What is worth keeping with the version."""
        names = ("best_epoch", "num_epochs", "num_parameters", "curve")
        return {name: getattr(self, name) for name in names}


@dataclass
class _Cursor:
    fingerprint: str
    epoch: int = 0
    step: int = 0
    elapsed_seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    epochs_without_gain: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def train_family(
    family: str,
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> FamilyResult:
    """Fit one net, or the trees, with early stopping on validation log-loss; nets go on from their checkpoint.

    Never looks at the test rows. Raises ConfigInvalid for an unknown family, DatasetInvalid when a net reads acts and
    the dataset has none, TrainingCancelled (checkpoint left) and TrainingDiverged (NaN).
    """
    if family == TREES:
        trees = fit_trees(dataset, config.trees, config.trainer.seed, config.trainer.num_threads)
        best = 1 + int(np.argmin([point["log_loss"] for point in trees.curve]))
        num_nodes = len(trees.classifier.values_M)
        return FamilyResult(trees.classifier, best, len(trees.curve), 0, trees.seconds, num_nodes, trees.curve)
    if family not in NETS:
        raise ConfigInvalid(
            "Unknown model family %(family)s; known: %(known)s.", family=family, known=", ".join((*FAMILIES, TREES))
        )
    if family in EVENT_KINDS and dataset.events is None:
        raise DatasetInvalid(
            "%(family)s reads what followers did in order, but this table has no times. "
            "Choose an outcome from events, or other families.",
            family=family,
        )
    run = _Run(family, dataset, config, directory, on_progress, should_stop)
    run.resume()
    run.fit()
    return run.result()


def count_planned_steps(num_rows: int, config: EngagementConfig) -> int:
    """Optimiser steps of one net when it is never stopped early."""
    return min(-(-num_rows // config.trainer.batch_rows) * config.trainer.max_epochs, config.trainer.max_steps)


class _Run(Checkpointed):
    """One training run of one net; a checkpoint stands between two epochs."""

    net: nn.Module
    cursor: _Cursor

    def __init__(
        self,
        family: str,
        dataset: EngagementDataset,
        config: EngagementConfig,
        directory: Path,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> None:
        self.family, self.config, self.trainer = family, config, config.trainer
        self.feature_names = dataset.info.feature_names
        self.path = directory / f"{family}-{self.trainer.seed}.safetensors"
        self.on_progress, self.should_stop = on_progress, should_stop
        training_runtime.prepare(self.trainer.seed, self.trainer.num_threads)
        features_RF, self.labels_R = dataset.part("train")
        self.valid_features_RF, self.valid_labels_R = dataset.part("valid")
        self.valid_events = dataset.events_of("valid")
        self.encoder = FeatureEncoder.fit(features_RF)
        events = dataset.events_of("train") if family in EVENT_KINDS else None
        self.inputs = RowInputs.of(self.encoder.encode(features_RF, events))
        self.targets_R = torch.from_numpy(self.labels_R.astype(np.float32))
        self.net = NETS[family](config, len(self.feature_names))
        decay, rate = self.trainer.weight_decay, self.trainer.learning_rate
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=decay, fused=True)
        self.best = self.copy_weights()
        self.positive_weight = _positive_weight(self.labels_R, self.trainer.positive_weight)
        self.num_planned_steps = count_planned_steps(len(self.labels_R), config)
        facts = f"{family}\n{dataset.info.version}\n{config.to_json()}".encode()
        self.cursor = _Cursor(hashlib.sha256(facts + dataset.parts_R.tobytes()).hexdigest())

    def fit(self) -> None:
        """Epochs until the plan ends or validation stops getting better."""
        saved = time.monotonic()
        while not self._is_done():
            if self.should_stop():
                self.save()
                raise TrainingCancelled("Training was cancelled; it can be continued from its checkpoint.")
            self._run_epoch()
            if time.monotonic() - saved >= self.trainer.checkpoint_seconds or self._is_done():
                self.save()
                saved = time.monotonic()

    def result(self) -> FamilyResult:
        """The best network by validation log-loss."""
        return FamilyResult(
            classifier=self._classifier(self.best),
            best_epoch=self.cursor.best_epoch,
            num_epochs=self.cursor.epoch,
            num_steps=self.cursor.step,
            elapsed_seconds=self.cursor.elapsed_seconds,
            num_parameters=sum(parameter.numel() for parameter in self.net.parameters()),
            curve=self.cursor.curve,
        )

    def _run_epoch(self) -> None:
        started = time.monotonic()
        self.net.train()
        order_R = self._draw_rows()
        losses: list[Tensor] = []
        for start in range(0, len(order_R), self.trainer.batch_rows):
            rate = learning_rate(self.cursor.step + len(losses), self.num_planned_steps, self.config)
            self.optimiser.param_groups[0]["lr"] = rate
            losses.append(self._train_batch(torch.from_numpy(order_R[start : start + self.trainer.batch_rows])))
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise TrainingDiverged(
                "The training loss is no longer a number; check the feature columns for huge values."
            )
        self.cursor.epoch, self.cursor.step = self.cursor.epoch + 1, self.cursor.step + len(losses)
        seconds = time.monotonic() - started
        self.cursor.elapsed_seconds += seconds
        self._validate(loss, len(order_R) / max(seconds, 1e-9))

    def _draw_rows(self) -> NDArray[np.int64]:
        """This epoch's rows in random order: all positives and the wanted share of the negatives."""
        generator = np.random.default_rng([self.trainer.seed, self.cursor.epoch])
        order_R = generator.permutation(len(self.labels_R))
        if self.trainer.kept_negatives == 1:
            return order_R
        is_kept_R = generator.random(len(order_R)) < self.trainer.kept_negatives
        return order_R[is_kept_R | (self.labels_R[order_R] == 1)]

    def _train_batch(self, rows: Tensor) -> Tensor:
        targets_B = self.targets_R[rows]
        weights_B = 1 + (self.positive_weight - 1) * targets_B
        losses_B = functional.binary_cross_entropy_with_logits(
            self.net(self.inputs.take(rows)), targets_B, reduction="none"
        )
        loss = (losses_B * weights_B).sum() / weights_B.sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _validate(self, loss: float, rows_per_second: float) -> None:
        classifier = self._classifier(self.copy_weights())
        answers_R = classifier.probabilities(self.valid_features_RF, self.valid_events)
        metrics = classification_metrics(self.valid_labels_R, answers_R)
        cursor = self.cursor
        cursor.curve.append({"epoch": cursor.epoch, "loss": loss, "elapsed_seconds": cursor.elapsed_seconds, **metrics})
        if metrics["log_loss"] < cursor.best_loss:
            self.best = self.copy_weights()
            cursor.best_loss, cursor.best_epoch, cursor.epochs_without_gain = metrics["log_loss"], cursor.epoch, 0
        else:
            cursor.epochs_without_gain += 1
        left = max(self.num_planned_steps - cursor.step, 0)
        self.on_progress(
            TrainingPoint(
                stage=self.family,
                epoch=cursor.epoch,
                num_epochs=self.trainer.max_epochs,
                step=cursor.step,
                num_steps=self.num_planned_steps,
                loss=loss,
                samples_per_second=rows_per_second,
                elapsed_seconds=cursor.elapsed_seconds,
                eta_seconds=cursor.elapsed_seconds / cursor.step * left,
                metrics=metrics,
            )
        )

    def _is_done(self) -> bool:
        is_stuck = self.cursor.epochs_without_gain >= self.trainer.patience
        return self.cursor.epoch >= self.trainer.max_epochs or self.cursor.step >= self.num_planned_steps or is_stuck

    def _classifier(self, weights: dict[str, Tensor]) -> NetClassifier:
        """The net as it serves; what weights of classes and left-out negatives added to its log-odds is taken off."""
        arrays: dict[str, NDArray[Any]] = {name: tensor.numpy() for name, tensor in weights.items()}
        odds_factor = self.positive_weight / self.trainer.kept_negatives
        if odds_factor != 1:
            arrays["output.bias"] = arrays["output.bias"] - np.float32(math.log(odds_factor))
        return NetClassifier(self.family, self.feature_names, self.encoder, arrays)


def learning_rate(step: int, num_planned_steps: int, config: EngagementConfig) -> float:
    """Linear warm-up, then half a cosine down to the final share at the planned end."""
    trainer = config.trainer
    warm = min((step + 1) / max(trainer.warmup_steps, 1), 1.0)
    cosine = 0.5 * (1 + math.cos(math.pi * min(step / max(num_planned_steps, 1), 1.0)))
    return trainer.learning_rate * warm * (trainer.final_rate_share + (1 - trainer.final_rate_share) * cosine)


def _positive_weight(labels_R: NDArray[np.int8], wanted: float) -> float:
    """The weight of a positive row; 0 asks for the one that makes both classes weigh the same."""
    num_positive = int(labels_R.sum())
    return wanted or (len(labels_R) - num_positive) / max(num_positive, 1)
