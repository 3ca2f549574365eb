"""How good a model is: one file a metric."""
