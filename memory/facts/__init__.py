"""Facts: what the user said or imported about themselves and their world, with dates, apart from its wording."""
