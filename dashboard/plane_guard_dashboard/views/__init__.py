"""Pages of the dashboard: each is a function of data."""
