"""A profile's radar as SVG coordinates (the chart library's small build has no radar). Pure."""

from dataclasses import dataclass
from math import cos, pi, sin

from recommendations.interests import Interest

MIN_AXES, MAX_AXES = 3, 7
RADIUS = 84.0
LABEL_DISTANCE = 100.0
RINGS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Axis:
    """One interest's spoke from the centre (0, 0), and where its name stands."""

    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str
    """SVG text-anchor."""


@dataclass(frozen=True)
class Radar:
    """Polygons as SVG `points`, in a box from -180 to 180 across and -120 to 120 down."""

    axes: list[Axis]
    rings: list[str]
    shape: str


def interest_radar(interests: list[Interest]) -> Radar | None:
    """The strongest interests around a circle, the strongest at the rim; None when there are too few axes."""
    shown = interests[:MAX_AXES]
    if len(shown) < MIN_AXES:
        return None
    angles = [2 * pi * place / len(shown) - pi / 2 for place in range(len(shown))]
    shares = [interest.weight / shown[0].weight for interest in shown]
    return Radar(
        axes=[_axis(interest.name, angle) for interest, angle in zip(shown, angles, strict=True)],
        rings=[_points(angles, [ring] * len(angles)) for ring in RINGS],
        shape=_points(angles, shares),
    )


def _axis(name: str, angle: float) -> Axis:
    x, y = cos(angle), sin(angle)
    anchor = "middle" if abs(x) < 0.2 else "start" if x > 0 else "end"
    label_x, label_y = round(LABEL_DISTANCE * x, 1), round(LABEL_DISTANCE * y + 4, 1)
    return Axis(name, round(RADIUS * x, 1), round(RADIUS * y, 1), label_x, label_y, anchor)


def _points(angles: list[float], shares: list[float]) -> str:
    corners = zip(angles, shares, strict=True)
    return " ".join(f"{RADIUS * share * cos(a):.1f},{RADIUS * share * sin(a):.1f}" for a, share in corners)
