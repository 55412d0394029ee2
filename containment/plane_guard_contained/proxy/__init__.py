"""The proxy: mitmproxy with an add-on over the check that all clients share."""
