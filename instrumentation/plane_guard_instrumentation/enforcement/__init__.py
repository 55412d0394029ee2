"""The one check that all clients share, ownership lookups and the request scope."""
