"""Decode, validate, deduplicate, select, resize."""
