"""The layer below the clients: it refuses connections that no patched client opened."""
