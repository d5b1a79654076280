"""The engagement nets in NumPy: what the torch nets compute, from their weights alone.

Stage: prediction. Reads weights under the torch names; writes nothing. A test ties every function to its net.
Shapes: R rows, F features, D width, T acts, C code columns, X width of an input vector, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from modeling.artifacts import Arrays
from modeling.engagement_features import NUM_BUCKETS, NetInputs, sigmoid
from modeling.errors import ConfigInvalid
from modeling.histories import FloatArray


def dnn_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/engagement_dnn.py."""
    x_RH = inputs.dense_RF
    for name in ("hidden_1", "hidden_2"):
        x_RH = np.maximum(_linear(weights, name, x_RH), 0)
    return _linear(weights, "output", x_RH)[:, 0]


def wide_and_deep_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/wide_and_deep.py."""
    crosses = weights["crosses.weight"][:, 0]
    wide_R = _linear(weights, "linear", inputs.dense_RF)[:, 0] + _vectors(weights, "wide", inputs).sum(axis=(1, 2))
    wide_R = wide_R + crosses[_cross_cells(inputs.buckets_RF, len(crosses))].sum(axis=1)
    return wide_R + _deep_logits(weights, _field_inputs(weights, inputs))


def deep_fm_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/deep_fm.py."""
    vectors_RFD = _vectors(weights, "embedding", inputs)
    first_R = _linear(weights, "linear", inputs.dense_RF)[:, 0] + _vectors(weights, "first", inputs).sum(axis=(1, 2))
    pairs_R = 0.5 * (np.square(vectors_RFD.sum(axis=1)) - np.square(vectors_RFD).sum(axis=1)).sum(axis=1)
    return first_R + pairs_R + _deep_logits(weights, _field_inputs(weights, inputs))


def dcn_v2_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/dcn_v2.py."""
    start_RX = _field_inputs(weights, inputs)
    x_RX = start_RX
    for place in _places(weights, "crosses.{}.down.weight"):
        down_RK = x_RX @ weights[f"crosses.{place}.down.weight"].T
        x_RX = start_RX * _linear(weights, f"crosses.{place}.up", down_RK) + x_RX
    return _linear(weights, "output", np.concatenate([x_RX, _hidden(weights, start_RX)], axis=1))[:, 0]


def event_cnn_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/event_cnn.py."""
    x_RTD, is_act_RT1, lengths_R1 = _acts(weights, inputs)
    for place in _places(weights, "convolutions.{}.weight"):
        x_RTD = x_RTD + np.maximum(_convolve(weights, f"convolutions.{place}", x_RTD, 2**place), 0) * is_act_RT1
    mean_RD = x_RTD.sum(axis=1) / np.maximum(lengths_R1, 1)
    highest_RD = np.where(is_act_RT1, x_RTD, -1e9).max(axis=1) * (lengths_R1 > 0)
    seen = np.concatenate([mean_RD, highest_RD, inputs.dense_RF], axis=1).astype(np.float32)
    return _deep_logits(weights, seen)


def event_rnn_logits(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Twin of nn/event_rnn.py; a row's state stands still after its newest act."""
    x_RTD, is_act_RT1, _ = _acts(weights, inputs)
    state_RD = np.zeros((len(x_RTD), x_RTD.shape[2]), np.float32)
    for place in range(x_RTD.shape[1]):
        state_RD = np.where(is_act_RT1[:, place], _gru_step(weights, x_RTD[:, place], state_RD), state_RD)
    return _deep_logits(weights, np.concatenate([state_RD, inputs.dense_RF], axis=1))


def _gru_step(weights: Arrays, x_RD: FloatArray, state_RD: FloatArray) -> FloatArray:
    """The next state; torch orders the gates reset, update, new."""
    seen = x_RD @ weights["gru.weight_ih_l0"].T + weights["gru.bias_ih_l0"]
    kept = state_RD @ weights["gru.weight_hh_l0"].T + weights["gru.bias_hh_l0"]
    seen_reset, seen_update, seen_new = np.split(seen, 3, axis=1)
    kept_reset, kept_update, kept_new = np.split(kept, 3, axis=1)
    update_RD = sigmoid(seen_update + kept_update)
    new_RD = np.tanh(seen_new + sigmoid(seen_reset + kept_reset) * kept_new)
    return np.asarray((1 - update_RD) * new_RD + update_RD * state_RD, np.float32)


def _convolve(weights: Arrays, name: str, x_RTD: FloatArray, dilation: int) -> FloatArray:
    """Three taps, `dilation` acts apart, zeros beyond the ends."""
    kernel_DD3, num_places = weights[f"{name}.weight"], x_RTD.shape[1]
    padded_RTD = np.pad(x_RTD, ((0, 0), (dilation, dilation), (0, 0)))
    taps = [padded_RTD[:, tap * dilation : tap * dilation + num_places] @ kernel_DD3[:, :, tap].T for tap in range(3)]
    return np.asarray(sum(taps) + weights[f"{name}.bias"])


def _acts(weights: Arrays, inputs: NetInputs) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.int64]]:
    """acts_RTD, mask_RT1, lengths_R1."""
    if inputs.codes_RTC is None or inputs.lengths_R is None:
        raise ConfigInvalid("This model reads what contacts did in order; give it their acts.")
    columns = range(inputs.codes_RTC.shape[2])
    acts_RTD = sum(weights[f"embedding.tables.{place}.weight"][inputs.codes_RTC[:, :, place]] for place in columns)
    is_act_RT1 = (np.arange(inputs.codes_RTC.shape[1])[None, :] < inputs.lengths_R[:, None])[..., None]
    return np.asarray(acts_RTD * is_act_RT1, np.float32), is_act_RT1, inputs.lengths_R[:, None]


def _field_inputs(weights: Arrays, inputs: NetInputs) -> FloatArray:
    """Numbers and bucket vectors side by side."""
    flat_RX = _vectors(weights, "embedding", inputs).reshape(len(inputs.dense_RF), -1)
    return np.concatenate([inputs.dense_RF, flat_RX], axis=1)


def _vectors(weights: Arrays, name: str, inputs: NetInputs) -> FloatArray:
    """vectors_RFD of the rows' buckets."""
    starts_F = np.arange(inputs.buckets_RF.shape[1]) * NUM_BUCKETS
    return np.asarray(weights[f"{name}.table.weight"][inputs.buckets_RF + starts_F])


def _cross_cells(buckets_RF: NDArray[np.int64], num_crosses: int) -> NDArray[np.int64]:
    """cells_RP; buckets are made four times coarser."""
    first_P, second_P = np.triu_indices(buckets_RF.shape[1], k=1)
    num_coarse = NUM_BUCKETS // 4
    coarse_RF = buckets_RF // 4
    cells_RP = coarse_RF[:, first_P] * num_coarse + coarse_RF[:, second_P]
    return np.asarray((cells_RP + np.arange(len(first_P)) * num_coarse**2) % num_crosses)


def _deep_logits(weights: Arrays, x_RX: FloatArray) -> FloatArray:
    return _linear(weights, "output", _hidden(weights, x_RX))[:, 0]


def _hidden(weights: Arrays, x_RH: FloatArray) -> FloatArray:
    for place in _places(weights, "hidden.layers.{}.weight"):
        x_RH = np.maximum(_linear(weights, f"hidden.layers.{place}", x_RH), 0)
    return x_RH


def _linear(weights: Arrays, name: str, x_RX: FloatArray) -> FloatArray:
    return np.asarray(x_RX @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _places(weights: Arrays, pattern: str) -> list[int]:
    """0, 1, ... as far as there are weights of that name."""
    places: list[int] = []
    for place in count():
        if pattern.format(place) not in weights:
            return places
        places.append(place)
    return places


FORWARDS: dict[str, Callable[[Arrays, NetInputs], FloatArray]] = {
    "engagement_dnn": dnn_logits,
    "wide_and_deep": wide_and_deep_logits,
    "deep_fm": deep_fm_logits,
    "dcn_v2": dcn_v2_logits,
    "event_cnn": event_cnn_logits,
    "event_rnn": event_rnn_logits,
}
"""Kind -> logits_R of its rows."""
EVENT_KINDS = frozenset({"event_cnn", "event_rnn"})
"""The kinds that read what contacts did in order."""
