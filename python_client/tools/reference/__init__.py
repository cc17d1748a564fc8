"""The parts of docs/ that are generated: `python -m tools.reference [--check]`."""
