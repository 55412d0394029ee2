"""Values that are fixed once per process: run id, root, trace folder, settings, guarded parents."""
