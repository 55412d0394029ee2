"""Programs that the tests run contained, each a client in its own language."""
