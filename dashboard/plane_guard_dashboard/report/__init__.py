"""The report on one run, as text, Markdown or JSON."""
