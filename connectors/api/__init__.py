"""REST: connected accounts and what belongs to them."""
