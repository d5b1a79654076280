"""Train one ranking network: resumable, cancellable, watched.

Stage: training. Reads a ranking dataset; writes checkpoint.safetensors into the given directory; returns weights.
Shapes: R exposures, K acts, T towers (the acts, then the stay).
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from modeling import training_runtime  # first: it sets how torch waits

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modeling.classifiers import Standardiser
from modeling.errors import TrainingCancelled, TrainingDiverged
from modeling.histories import FloatArray
from modeling.metrics import log_loss_per_row
from modeling.nn.ranking import RankingNet
from modeling.progress import OnProgress, ShouldStop, TrainingPoint
from modeling.ranking_config import RankingConfig
from modeling.ranking_datasets import RankingDataset
from modeling.ranking_dwell import DwellBuckets
from modeling.ranking_inputs import Batch, BatchReader, Sizes
from modeling.ranking_metrics import UNKNOWN, LabelArray, UserQuality
from modeling.training_checkpoints import CHECKPOINT_FILE, Checkpointed

GROUP_ROWS = 32
"""Exposures of one contact and day that stay together in a batch, so that there are pairs to compare."""
NUM_PARTNERS = 4
REPORT_STEPS = 20
EVALUATION_ROWS = 4096


@dataclass(frozen=True)
class RankingTrainingResult:
    """A network's best weights, and how they were found."""

    family: str
    weights: dict[str, NDArray[Any]]
    standardiser: Standardiser
    buckets: DwellBuckets
    best_epoch: int
    num_epochs: int
    num_steps: int
    elapsed_seconds: float
    num_parameters: int
    curve: list[dict[str, Any]]


@dataclass
class _Cursor:
    fingerprint: str
    epoch: int = 0
    step: int = 0
    elapsed_seconds: float = 0.0
    best_quality: float = -math.inf
    best_epoch: int = 0
    epochs_without_gain: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def train_family(
    family: str,
    dataset: RankingDataset,
    config: RankingConfig,
    directory: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> RankingTrainingResult:
    """Fit one family, stopping early by weighted uAUC on validation; continues from the checkpoint in `directory`.

    Raises TrainingCancelled (the last whole epoch is kept) and TrainingDiverged (NaN).
    """
    run = _Run(family, dataset, config, directory, on_progress, should_stop)
    run.resume()
    run.fit()
    return run.result()


class _Run(Checkpointed):
    """One training run; a checkpoint is written after every epoch."""

    net: RankingNet
    cursor: _Cursor

    def __init__(
        self,
        family: str,
        dataset: RankingDataset,
        config: RankingConfig,
        directory: Path,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> None:
        self.family, self.dataset, self.trainer = family, dataset, config.trainer
        self.path = directory / CHECKPOINT_FILE
        self.on_progress, self.should_stop = on_progress, should_stop
        training_runtime.prepare(self.trainer.seed, self.trainer.num_threads)
        self.train_rows, self.valid_rows = dataset.rows("train"), dataset.rows("valid")
        self.standardiser = Standardiser.fit(dataset.features_RF[self.train_rows])
        features_RF = self.standardiser.apply(dataset.features_RF)
        self.reader = BatchReader(dataset, features_RF, config.network.history_length)
        self.buckets, self.places_R = stays_of(dataset)
        self.visits_R = visits_of(dataset)
        self.net = RankingNet(family, config.network, Sizes.of(dataset))
        decay, rate = self.trainer.weight_decay, self.trainer.learning_rate
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=decay, fused=True)
        self.steps_each = -(-len(self.train_rows) // self.trainer.batch_rows)
        self.best = self.copy_weights()
        facts = f"{dataset.info.version}\n{family}\n{config.network.to_json()}\n{config.trainer.to_json()}"
        self.cursor = _Cursor(hashlib.sha256(facts.encode()).hexdigest())

    def fit(self) -> None:
        """Epochs until the plan ends or validation stops getting better."""
        while not self._is_done():
            self._run_epoch()
            self.save()

    def result(self) -> RankingTrainingResult:
        """The best network by validation quality."""
        cursor = self.cursor
        return RankingTrainingResult(
            family=self.family,
            weights={name: tensor.numpy() for name, tensor in self.best.items()},
            standardiser=self.standardiser,
            buckets=self.buckets,
            best_epoch=cursor.best_epoch,
            num_epochs=cursor.epoch,
            num_steps=cursor.step,
            elapsed_seconds=cursor.elapsed_seconds,
            num_parameters=sum(parameter.numel() for parameter in self.net.parameters()),
            curve=cursor.curve,
        )

    def _is_done(self) -> bool:
        is_stuck = self.cursor.epochs_without_gain >= self.trainer.patience
        return self.cursor.epoch >= self.trainer.max_epochs or is_stuck

    def _run_epoch(self) -> None:
        started, cursor = time.monotonic(), self.cursor
        self.net.train()
        order = group_rows(self.visits_R, self.train_rows, [self.trainer.seed, cursor.epoch])
        losses: list[Tensor] = []
        for place, start in enumerate(range(0, len(order[0]), self.trainer.batch_rows)):
            if self.should_stop():
                raise TrainingCancelled("Training was cancelled; it can be continued from its checkpoint.")
            rows, groups = (part[start : start + self.trainer.batch_rows] for part in order)
            self._set_rate(cursor.step + place)
            losses.append(self._train_batch(rows, groups))
            if len(losses) % REPORT_STEPS == 0:
                self._report(place + 1, losses[-REPORT_STEPS:], time.monotonic() - started, {})
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise TrainingDiverged("The training loss is no longer a number; check the behaviour for huge values.")
        seconds = time.monotonic() - started
        cursor.epoch, cursor.step = cursor.epoch + 1, cursor.step + len(losses)
        metrics = self._validate(loss)
        cursor.elapsed_seconds += time.monotonic() - started
        self._report(0, losses, seconds, metrics)

    def _set_rate(self, step: int) -> None:
        """From full to nothing along a cosine over the planned steps."""
        share = step / (self.steps_each * self.trainer.max_epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = self.trainer.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    def _train_batch(self, rows: NDArray[np.int64], groups: NDArray[np.int64]) -> Tensor:
        logits_RT = self.net(to_tensors(self.reader.read(rows)))
        labels_RK = torch.from_numpy(self.dataset.labels_RK[rows])
        loss = act_loss(logits_RT[:, :-1], labels_RK)
        if self.trainer.pairwise_weight:
            term = pairwise_loss(logits_RT[:, :-1], labels_RK, torch.from_numpy(groups))
            loss = loss + self.trainer.pairwise_weight * term
        if self.trainer.dwell_weight:
            loss = loss + self.trainer.dwell_weight * stay_loss(logits_RT[:, -1], torch.from_numpy(self.places_R[rows]))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _validate(self, loss: float) -> dict[str, float]:
        """Weighted uAUC and log-loss of the network as it is now; keeps the weights when they are the best so far."""
        data, cursor, rows = self.dataset, self.cursor, self.valid_rows
        probabilities_RK = self._answer(rows)[:, :-1]
        labels_RK = data.labels_RK[rows]
        users_R, days_R = data.user_keys_R[rows], data.days_R[rows]
        quality = UserQuality.of(data.info.acts, users_R, days_R, labels_RK, probabilities_RK)
        log_loss = mean_log_loss(labels_RK, probabilities_RK)
        metrics = {"weighted_uauc": float(quality.weighted()[0]), "log_loss": log_loss}
        metrics = {name: value for name, value in metrics.items() if math.isfinite(value)}
        cursor.curve.append({"epoch": cursor.epoch, "loss": loss, **metrics})
        judged = metrics.get("weighted_uauc", -log_loss)
        if judged > cursor.best_quality:
            self.best = self.copy_weights()
            cursor.best_quality, cursor.best_epoch, cursor.epochs_without_gain = judged, cursor.epoch, 0
        else:
            cursor.epochs_without_gain += 1
        return metrics

    @torch.no_grad()
    def _answer(self, rows: NDArray[np.int64]) -> FloatArray:
        """answers_RT of the network as it is now."""
        self.net.eval()
        starts = range(0, len(rows), EVALUATION_ROWS)
        batches = (to_tensors(self.reader.read(rows[start : start + EVALUATION_ROWS])) for start in starts)
        return np.concatenate([torch.sigmoid(self.net(batch)).numpy() for batch in batches])

    def _report(self, num_ahead: int, losses: list[Tensor], seconds: float, metrics: dict[str, float]) -> None:
        """A point of the live curve; `num_ahead` steps lie beyond the last whole epoch."""
        cursor, trainer = self.cursor, self.trainer
        step, num_steps = cursor.step + num_ahead, self.steps_each * trainer.max_epochs
        elapsed = cursor.elapsed_seconds + (seconds if num_ahead else 0.0)
        num_done = num_ahead or len(losses)
        self.on_progress(
            TrainingPoint(
                stage=self.family,
                epoch=cursor.epoch,
                num_epochs=trainer.max_epochs,
                step=step,
                num_steps=num_steps,
                loss=float(torch.stack(losses).mean()),
                samples_per_second=num_done * trainer.batch_rows / max(seconds, 1e-9),
                elapsed_seconds=elapsed,
                eta_seconds=elapsed / max(step, 1) * (num_steps - step),
                metrics=metrics,
            )
        )


def stays_of(dataset: RankingDataset) -> tuple[DwellBuckets, FloatArray]:
    """Buckets fitted on the training exposures, and the place of every stay in its bucket (NaN: unknown)."""
    kinds_R, rows = dataset.items.kinds_N1[dataset.items_R], dataset.rows("train")
    lengths_R = dataset.items.lengths_N1[dataset.items_R].astype(np.float32)
    buckets = DwellBuckets.fit(kinds_R[rows], lengths_R[rows], dataset.dwells_R[rows])
    return buckets, buckets.to_quantiles(buckets.of(kinds_R, lengths_R), dataset.dwells_R)


def visits_of(dataset: RankingDataset) -> NDArray[np.int64]:
    """visits_R: one number for all exposures of one contact on one day."""
    pairs_R2 = np.column_stack([dataset.user_keys_R, dataset.days_R])
    return np.ravel(np.unique(pairs_R2, axis=0, return_inverse=True)[1])


def group_rows(
    visits_R: NDArray[np.int64], rows: NDArray[np.int64], seed: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows, groups) in random order, up to 32 exposures of one contact and day next to each other."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(rows)
    shuffled = shuffled[np.argsort(visits_R[shuffled], kind="stable")]
    visits = visits_R[shuffled]
    starts = np.flatnonzero(np.append(True, visits[1:] != visits[:-1])[: len(visits)])
    places = np.arange(len(visits)) - np.repeat(starts, np.diff(np.append(starts, len(visits))))
    groups = np.cumsum(places % GROUP_ROWS == 0) - 1
    ranks = generator.permutation(groups[-1] + 1)[groups]
    order = np.argsort(ranks, kind="stable")
    return shuffled[order], ranks[order]


def act_loss(logits_RK: Tensor, labels_RK: Tensor) -> Tensor:
    """Binary cross-entropy, summed over acts; unknown labels do not count."""
    is_known = labels_RK != UNKNOWN
    losses = functional.binary_cross_entropy_with_logits(logits_RK, labels_RK.clamp(min=0).float(), reduction="none")
    return ((losses * is_known).sum(0) / is_known.sum(0).clamp(min=1)).sum()


def pairwise_loss(logits_RK: Tensor, labels_RK: Tensor, groups_R: Tensor) -> Tensor:
    """RankNet over exposures of one contact and day (Burges et al., ICML 2005): with an act above without."""
    total, num_pairs = logits_RK.new_zeros(logits_RK.shape[1]), logits_RK.new_zeros(logits_RK.shape[1])
    for shift in range(1, min(NUM_PARTNERS + 1, len(groups_R))):
        is_pair = (groups_R[shift:] == groups_R[:-shift])[:, None]
        signs = (labels_RK[shift:].int() - labels_RK[:-shift].int()).float()
        is_pair = is_pair & (labels_RK[shift:] != UNKNOWN) & (labels_RK[:-shift] != UNKNOWN) & (signs != 0)
        losses = functional.softplus(-signs * (logits_RK[shift:] - logits_RK[:-shift])) * is_pair
        total, num_pairs = total + losses.sum(0), num_pairs + is_pair.sum(0)
    return (total / num_pairs.clamp(min=1)).sum()


def stay_loss(logits_R: Tensor, places_R: Tensor) -> Tensor:
    """Mean squared error of the stay's place; unknown stays do not count."""
    is_known = ~places_R.isnan()
    errors = (torch.sigmoid(logits_R) - places_R.nan_to_num()).square() * is_known
    return errors.sum() / is_known.sum().clamp(min=1)


def mean_log_loss(labels_RK: LabelArray, probabilities_RK: FloatArray) -> float:
    """Mean over acts of the mean log-loss of known labels."""
    known_RK = labels_RK != UNKNOWN
    columns = range(labels_RK.shape[1])
    losses = [
        log_loss_per_row(labels_RK[:, k][known_RK[:, k]], probabilities_RK[:, k][known_RK[:, k]]) for k in columns
    ]
    return float(np.mean([one.mean() for one in losses]))


def to_tensors(batch: Batch) -> Batch:
    """The batch with tensors in place of arrays."""
    return Batch(**{one.name: torch.from_numpy(getattr(batch, one.name)) for one in fields(batch)})
