"""Learning: dialogue and feedback become adapters that are checked before they answer; imports nothing of bot."""
