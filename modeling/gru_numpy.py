"""The recurrent network's body in NumPy, tied to modeling.nn.gru by a test.

Stage: prediction. Reads a model version; writes nothing.
Shapes: B histories of equal length, T events, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modeling.histories import FloatArray, Int64Array
from modeling.sequence_configs import GruConfig
from modeling.sequence_numpy import SequenceRecommender, sigmoid


@dataclass(frozen=True)
class GruRecommender(SequenceRecommender):
    """Gated recurrent units; the three gates lie one after another in each weight: reset, update, new."""

    config: GruConfig
    kind = "gru"

    def num_cells(self, num_events: int) -> int:
        """The three gates of every event."""
        return 3 * num_events * self.config.width

    def body(self, x_BTD: FloatArray, times_BT: Int64Array) -> FloatArray:
        """users_BD."""
        for layer in range(self.config.num_blocks):
            x_BTD = self._run_layer(layer, x_BTD)
        return self.linear("out", x_BTD[:, -1])

    def _run_layer(self, layer: int, x_BTD: FloatArray) -> FloatArray:
        """states_BTD; what the inputs say to the gates is one product, only the state goes event by event."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        of_input, of_state, input_bias, state_bias = (self.weights[f"gru.{name}_l{layer}"] for name in names)
        gates_BTG = x_BTD @ of_input.T + input_bias
        states_BTD, width = np.empty_like(x_BTD), self.config.width
        state_BD = np.zeros_like(x_BTD[:, 0])
        for place in range(x_BTD.shape[1]):
            told_BG, kept_BG = gates_BTG[:, place], state_BD @ of_state.T + state_bias
            both_BG = sigmoid(told_BG[:, : 2 * width] + kept_BG[:, : 2 * width])
            reset_BD, update_BD = both_BG[:, :width], both_BG[:, width:]
            new_BD = np.tanh(told_BG[:, 2 * width :] + reset_BD * kept_BG[:, 2 * width :])
            state_BD = new_BD + update_BD * (state_BD - new_BD)
            states_BTD[:, place] = state_BD
        return states_BTD
