"""The demo brand: an invented company with believable items, followers and behaviour, drawn from a seed."""
