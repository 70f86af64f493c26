"""Helpers for people who work in a clone; nothing here is part of the installed package."""
