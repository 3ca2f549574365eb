"""A world that draws itself, and the community server that serves it."""
