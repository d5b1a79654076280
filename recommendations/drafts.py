"""A slate in the making: takes candidates in their order and keeps the rules of composition.

Stage: recommendation. Pure.
"""

from dataclasses import dataclass, field

from recommendations.item_tables import ItemTable
from recommendations.rankings import Ranking

CATEGORY_SHARE = 0.4
"""At most this share of a slate (but always two items) comes from one category, as long as others have something."""


@dataclass(frozen=True)
class Pick:
    """One chosen item."""

    position: int
    """In the item table."""
    score: float
    ranking: Ranking


@dataclass
class Draft:
    """Up to `num_items` different items."""

    table: ItemTable
    num_items: int
    picks: list[Pick] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)
    _by_category: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def num_open(self) -> int:
        """Places left."""
        return self.num_items - len(self.picks)

    def take(self, ranking: Ranking, num: int, *, is_capped: bool = True) -> int:
        """Add the ranking's best items that are not in yet, at most `num`; returns how many were added."""
        wanted = min(num, self.num_open)
        num_before = len(self)
        for position, score in zip(ranking.positions_K.tolist(), ranking.scores_K.tolist(), strict=True):
            if len(self) - num_before >= wanted:
                break
            if position not in self._taken and not (is_capped and self._is_full_of(position)):
                self._add(Pick(position, score, ranking))
        return len(self) - num_before

    def fill(self, ranking: Ranking, num: int) -> int:
        """Like `take`; when the cap leaves places open, the ranking's other items come in after all."""
        taken = self.take(ranking, num)
        return taken + self.take(ranking, num - taken, is_capped=False)

    def _add(self, pick: Pick) -> None:
        self.picks.append(pick)
        self._taken.add(pick.position)
        category = int(self.table.categories_N[pick.position])
        self._by_category[category] = self._by_category.get(category, 0) + 1

    def _is_full_of(self, position: int) -> bool:
        category = int(self.table.categories_N[position])
        limit = max(2, int(CATEGORY_SHARE * self.num_items))
        return category != 0 and self._by_category.get(category, 0) >= limit
