"""The web server of the dashboard."""
