"""Trained models at work: pictures of any size, folders, videos."""
