"""The figures of the README: `scripts/bench` runs them."""
