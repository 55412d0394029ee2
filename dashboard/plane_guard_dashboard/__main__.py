"""`python -m plane_guard_dashboard` is the command `plane-guard`."""

from plane_guard_dashboard.cli import main

main(prog_name="plane-guard")
