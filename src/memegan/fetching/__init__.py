"""The engine that downloads: safety, limits, retries, store."""
