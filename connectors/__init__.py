"""What talks to outside platforms."""
