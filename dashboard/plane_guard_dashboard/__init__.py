"""Reading exported decisions: the store, the pages and the `plane-guard` command."""
