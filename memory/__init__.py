"""Knowing: what the user wrote, imported and said, found again and forgotten; imports nothing of bot or tuning."""
