"""The Streamlit settings on which the dashboard relies, whatever the folder or environment of its start says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK = "127.0.0.1"

# Lists have at least one element, because an empty list on the command line would leave that of a file in place.
SETTINGS: Mapping[str, object] = {
    "global.developmentMode": False,
    "server.address": LOOPBACK,
    "server.headless": True,
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.allowedHosts": [LOOPBACK, "localhost"],
    "server.enableCORS": True,
    "server.corsAllowedOrigins": [f"http://{LOOPBACK}"],
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "lax",
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.customComponentBaseUrlPath": "",
    "server.sslCertFile": "",
    "server.sslKeyFile": "",
    "client.allowedOrigins": [f"http://{LOOPBACK}"],
    "client.showErrorDetails": "none",
    "browser.serverAddress": LOOPBACK,
    "browser.gatherUsageStats": False,
    "logger.hideWelcomeMessage": True,
    "runner.postScriptGC": False,
}


def arguments(settings: Mapping[str, object]) -> list[str]:
    """Return settings as arguments of `streamlit run`, which override its files and environment variables."""
    return [
        f"--{name}={_text(one)}"
        for name, value in settings.items()
        for one in (value if isinstance(value, list) else [value])
    ]


def problem(get_option: Callable[[str], object]) -> str:
    """Return why the settings in effect are not those above, or an empty string."""
    for name, expected in SETTINGS.items():
        found = get_option(name)
        if (list(found) if isinstance(found, (list, tuple)) else found) != expected:
            return (
                f"Streamlit's setting {name} is {found!r} instead of {expected!r}. "
                "Remove it from .streamlit/config.toml and the environment."
            )
    return ""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
