"""The parts of scripts/pick-study."""
