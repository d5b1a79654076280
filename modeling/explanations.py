"""Which past act speaks for an item: exact leave-one-out.

Stage: prediction. Reads a scoring function and one history; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from modeling.histories import FloatArray, History

EXPLAINED_EVENTS = 20


def explain_by_removal(
    scores_many: Callable[[Sequence[History]], FloatArray], history: History, item_index: int
) -> FloatArray:
    """contributions_T: score with the event minus score without it, for the newest 20 events; 0 for older ones."""
    contributions_T = np.zeros(len(history), np.float32)
    positions = range(max(len(history) - EXPLAINED_EVENTS, 0), len(history))
    if len(history) == 0:
        return contributions_T
    scores_B = scores_many([history, *(history.without(position) for position in positions)])[:, item_index]
    contributions_T[positions.start :] = scores_B[0] - scores_B[1:]
    return contributions_T
