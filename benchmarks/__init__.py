"""The cost of plane-guard, measured against peers: `python -m benchmarks`."""
