"""Maintenance commands: tables of the guard compared with, or generated from, the packages that they describe."""
