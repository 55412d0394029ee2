"""`plane-guard verify`: compare what changed on the Plane server with the decisions in the evidence."""
