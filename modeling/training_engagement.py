"""Train the 64-32-1 engagement network: resumable, cancellable, watched.

Stage: training. Reads an engagement dataset; writes checkpoint.safetensors into the run's directory; returns weights.
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
from torch import Tensor
from torch.nn import functional

from modeling.classifiers import DnnClassifier, Standardiser
from modeling.engagement_config import EngagementConfig
from modeling.engagement_datasets import EngagementDataset
from modeling.errors import TrainingCancelled, TrainingDiverged
from modeling.metrics import classification_metrics
from modeling.nn.engagement_dnn import EngagementDnn
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.training_checkpoints import CHECKPOINT_FILE, Checkpointed


@dataclass(frozen=True)
class EngagementTrainingResult:
    """The network as it serves, and how it was found."""

    classifier: DnnClassifier
    best_epoch: int
    num_epochs: int
    elapsed_seconds: float
    num_parameters: int
    curve: list[dict[str, Any]]


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


def train_engagement(
    dataset: EngagementDataset,
    config: EngagementConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> EngagementTrainingResult:
    """Fit the network with early stopping on validation log-loss, continuing from the checkpoint in `directory`.

    Raises TrainingCancelled (checkpoint left) and TrainingDiverged (NaN).
    """
    run = _Run(dataset, config, directory, on_progress, should_stop)
    run.resume()
    run.fit()
    return run.result()


class _Run(Checkpointed):
    """One training run; a checkpoint stands between two epochs."""

    net: EngagementDnn
    cursor: _Cursor

    def __init__(
        self,
        dataset: EngagementDataset,
        config: EngagementConfig,
        directory: Path,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> None:
        self.config, self.trainer = config, config.trainer
        self.feature_names = dataset.info.feature_names
        self.path = directory / CHECKPOINT_FILE
        self.on_progress, self.should_stop = on_progress, should_stop
        training_runtime.prepare(self.trainer.seed, self.trainer.num_threads)
        self.raw_features_RF, self.labels_R = dataset.part("train")
        self.valid = dataset.part("valid")
        self.standardiser = Standardiser.fit(self.raw_features_RF)
        self.features_RF = torch.from_numpy(self.standardiser.apply(self.raw_features_RF))
        self.targets_R = torch.from_numpy(self.labels_R.astype(np.float32))
        self.net = EngagementDnn(config.network, len(self.feature_names))
        decay, rate = self.trainer.weight_decay, self.trainer.learning_rate
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=decay, fused=True)
        self.best = self.copy_weights()
        fingerprint = hashlib.sha256(f"{dataset.info.version}\n{config.to_json()}".encode()).hexdigest()
        self.cursor = _Cursor(fingerprint)

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

    def result(self) -> EngagementTrainingResult:
        """The best network by validation log-loss."""
        return EngagementTrainingResult(
            classifier=self._classifier(self.best),
            best_epoch=self.cursor.best_epoch,
            num_epochs=self.cursor.epoch,
            elapsed_seconds=self.cursor.elapsed_seconds,
            num_parameters=sum(parameter.numel() for parameter in self.net.parameters()),
            curve=self.cursor.curve,
        )

    def _run_epoch(self) -> None:
        started = time.monotonic()
        self.net.train()
        order_R = np.random.default_rng([self.trainer.seed, self.cursor.epoch]).permutation(len(self.labels_R))
        losses: list[Tensor] = []
        for start in range(0, len(order_R), self.trainer.batch_rows):
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

    def _train_batch(self, rows: Tensor) -> Tensor:
        loss = functional.binary_cross_entropy_with_logits(self.net(self.features_RF[rows]), self.targets_R[rows])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _validate(self, loss: float, rows_per_second: float) -> None:
        features_RF, labels_R = self.valid
        metrics = classification_metrics(labels_R, self._classifier(self.copy_weights()).probabilities(features_RF))
        cursor = self.cursor
        cursor.curve.append({"epoch": cursor.epoch, "loss": loss, "elapsed_seconds": cursor.elapsed_seconds, **metrics})
        if metrics["log_loss"] < cursor.best_loss:
            self.best = self.copy_weights()
            cursor.best_loss, cursor.best_epoch, cursor.epochs_without_gain = metrics["log_loss"], cursor.epoch, 0
        else:
            cursor.epochs_without_gain += 1
        left = max(self.trainer.max_epochs - cursor.epoch, 0)
        self.on_progress(
            TrainingPoint(
                stage="engagement_dnn",
                epoch=cursor.epoch,
                num_epochs=self.trainer.max_epochs,
                step=cursor.step,
                num_steps=cursor.step // cursor.epoch * self.trainer.max_epochs,
                loss=loss,
                samples_per_second=rows_per_second,
                elapsed_seconds=cursor.elapsed_seconds,
                eta_seconds=cursor.elapsed_seconds / cursor.epoch * left,
                metrics=metrics,
            )
        )

    def _is_done(self) -> bool:
        is_stuck = self.cursor.epochs_without_gain >= self.trainer.patience
        return self.cursor.epoch >= self.trainer.max_epochs or self.cursor.step >= self.trainer.max_steps or is_stuck

    def _classifier(self, weights: dict[str, Tensor]) -> DnnClassifier:
        arrays: dict[str, NDArray[Any]] = {name: tensor.numpy() for name, tensor in weights.items()}
        return DnnClassifier(self.feature_names, self.standardiser, arrays)
