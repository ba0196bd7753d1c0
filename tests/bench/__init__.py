"""Measurements of the sandbox service; `scripts/bench-service` runs them."""
