"""The orchestrator: moves work items through stages and tells Plane about it."""
