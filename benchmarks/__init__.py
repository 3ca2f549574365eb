"""One file a benchmark, called by `memegan bench`."""
