"""Health and habits: kinds of entries, what a message says of them, trends, and published thresholds."""
