"""Recipes: each a whole params.yaml, its first comment says what it is for."""
