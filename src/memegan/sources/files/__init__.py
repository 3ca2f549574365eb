"""Posts from files: folders, archives, and material that comes whole."""
