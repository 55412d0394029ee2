"""Tests of `plane-guard verify`."""
