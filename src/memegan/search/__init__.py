"""Random search: what may vary, and DVC's experiment queue that tries it."""
