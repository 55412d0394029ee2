"""The orchestrator's tests of what may be written to Plane."""
