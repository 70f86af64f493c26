"""What pages show, read into frozen records without HTTP: every query names the one user whose rows it may see."""
