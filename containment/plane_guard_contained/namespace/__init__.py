"""The network namespace in which a contained command runs: nothing leads out of it but the proxy."""
