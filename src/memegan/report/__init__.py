"""The offline page, cards and leaderboard."""
