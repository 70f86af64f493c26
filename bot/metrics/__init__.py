"""Figures of a running bot, and whether it works, for those who look after it."""
