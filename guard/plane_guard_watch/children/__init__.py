"""What children find through their PYTHONPATH."""
