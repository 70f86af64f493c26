"""Language models behind one small Protocol, so that a turn does not know which one answers."""
