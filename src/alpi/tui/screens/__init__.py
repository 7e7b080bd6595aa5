"""Screens that stand above the chat for a moment."""
