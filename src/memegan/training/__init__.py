"""The one loop, checkpoints, stopping, schedules, EMA, alarms."""
