"""Train TARNet or DragonNet on a trial with 0/1 outcomes.

Stage: training. Reads a `Trial`; gives a predictor. Shapes: R people, F features.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from modeling.metrics import Float64Array
from modeling.nn.dragonnet import DragonNet, DragonNetConfig
from modeling.uplift.learners import Predictor
from modeling.uplift.trials import Trial, UnusableTrial

HELD_OUT_SHARE = 0.15


def dragonnet(trial: Trial, seed: int, config: DragonNetConfig | None = None) -> Predictor:
    """Fit with early stopping on held-out people; raises `UnusableTrial` for outcomes other than 0/1."""
    if not np.isin(trial.outcome_R, (0.0, 1.0)).all():
        raise UnusableTrial("The uplift networks need an outcome of 0 or 1. Use a linear learner for amounts.")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DragonNet(config or DragonNetConfig(), trial.features_RF.shape[1])
        held_R = torch.rand(trial.num_people, generator=generator) < HELD_OUT_SHARE
        columns = tuple(
            torch.as_tensor(values, dtype=torch.float32)
            for values in (trial.features_RF, trial.treated_R, trial.outcome_R)
        )
        _fit(net, tuple(column[~held_R] for column in columns), tuple(column[held_R] for column in columns), generator)
    return lambda features_RF: _uplift(net, features_RF)


def tarnet(trial: Trial, seed: int) -> Predictor:
    """DragonNet without its propensity head."""
    return dragonnet(trial, seed, replace(DragonNetConfig(), has_propensity_head=False))


def _fit(net: DragonNet, train: tuple[Tensor, ...], held: tuple[Tensor, ...], generator: torch.Generator) -> None:
    config = net.config
    optimiser = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.max_epochs)
    best_loss, best_weights, since_best = float("inf"), copy.deepcopy(net.state_dict()), 0
    for _ in range(config.max_epochs):
        _run_epoch(net, train, optimiser, generator)
        schedule.step()
        loss = _held_out_loss(net, held)
        since_best += 1
        if loss < best_loss:
            best_loss, best_weights, since_best = loss, copy.deepcopy(net.state_dict()), 0
        if since_best >= config.patience_epochs:
            break
    net.load_state_dict(best_weights)


def _run_epoch(
    net: DragonNet, train: tuple[Tensor, ...], optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> None:
    net.train()
    for rows in torch.randperm(len(train[0]), generator=generator).split(net.config.batch_rows):
        optimiser.zero_grad()
        net.loss(*(column[rows] for column in train)).backward()
        optimiser.step()


@torch.no_grad()
def _held_out_loss(net: DragonNet, held: tuple[Tensor, ...]) -> float:
    net.eval()
    return float(net.loss(*held))


@torch.no_grad()
def _uplift(net: DragonNet, features_RF: Float64Array) -> Float64Array:
    net.eval()
    logits_R2, _ = net(torch.as_tensor(features_RF, dtype=torch.float32))
    chances_R2 = torch.sigmoid(logits_R2).double().numpy()
    return np.asarray(chances_R2[:, 1] - chances_R2[:, 0], np.float64)
