"""Generators, discriminators and blocks that variants share."""
