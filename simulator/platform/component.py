"""Open Platform components (fact sheet 8)."""

from simulator.world import World


def start_tickets(world: World) -> None:
    """Begins to push a component_verify_ticket to every component."""
