"""One module per HTTP client: where it is patched, how a request is read, how a lookup is sent."""
