"""Speed, measured against the bare libraries within one run."""
