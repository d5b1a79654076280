"""Where a number of a profile comes from."""

from dataclasses import dataclass
from typing import Any

OBSERVED = "observed"
UPLOADED = "uploaded"
MIXED = "mixed"
MODELLED = "modelled"
NOTHING = "nothing"


@dataclass(frozen=True)
class Provenance:
    """How many facts a number rests on, by origin, or the model version that predicted it.

    Observed facts came live (tracker, API, WeChat), uploaded ones in a file.
    """

    num_observed: int = 0
    num_uploaded: int = 0
    version_code: str = ""
    version_number: int | None = None

    @property
    def origin(self) -> str:
        """observed, uploaded, mixed (both), modelled, or nothing."""
        if self.version_code:
            return MODELLED
        if self.num_observed and self.num_uploaded:
            return MIXED
        if not (self.num_observed or self.num_uploaded):
            return NOTHING
        return OBSERVED if self.num_observed else UPLOADED

    def to_dict(self) -> dict[str, Any]:
        """JSON of the API."""
        if self.version_code:
            return {"origin": self.origin, "version": self.version_code, "number": self.version_number}
        return {"origin": self.origin, "num_observed": self.num_observed, "num_uploaded": self.num_uploaded}
