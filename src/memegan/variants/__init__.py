"""What is trained: one file a variant, ending in VARIANT = ..."""
