"""Reminders: what a person wishes to be told and when, next times, and the text that is delivered."""
