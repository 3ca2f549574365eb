"""Telegram bot and web page around an exported model."""
