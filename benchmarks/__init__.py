"""What plane-guard costs, measured against what it stands beside: `python -m benchmarks`."""
