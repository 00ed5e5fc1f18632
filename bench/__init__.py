"""What the hub costs, measured beside named peers in the same run: `python -m bench`, see docs/benchmarks.md."""
