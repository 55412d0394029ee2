"""Fill in what only a release knows: the address of the repository that it is built from.

``PLANE_GUARD_REPOSITORY_URL`` names it. Below it the repository's files are at ``/blob/<tag>/<file>``. Without the
variable a distribution has no project URLs, and its description keeps the relative links of README.md.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "PLANE_GUARD_REPOSITORY_URL"
_RELATIVE_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)")


class Repository(MetadataHookInterface):
    """Adds the project's URLs, and makes the links of README.md absolute."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Change the metadata in place."""
        root = Path(self.root)
        readme = (root / "README.md").read_text(encoding="utf-8")
        address = os.environ.get(VARIABLE, "").rstrip("/")
        if address:
            version = (root / "guard" / "plane_guard" / "version.py").read_text(encoding="utf-8").split('"')[-2]
            files = f"{address}/blob/v{version}"
            metadata["urls"] = {
                "Repository": address,
                "Documentation": f"{files}/README.md",
                "Changelog": f"{files}/CHANGELOG.md",
                "Issues": f"{address}/issues",
            }
            places = {"": files, "!": f"{address}/raw/v{version}"}
            readme = _RELATIVE_LINK.sub(lambda link: f"{link[1]}{link[2]}{places[link[1]]}/", readme)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
