"""Videos to frames: time stamps and shots."""
