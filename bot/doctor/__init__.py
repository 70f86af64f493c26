"""Is everything in order, and what to do if not: checks that give records and change nothing."""
