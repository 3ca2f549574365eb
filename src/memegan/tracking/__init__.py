"""What happened in a training: a spool on disk first, MLflow as its mirror."""
