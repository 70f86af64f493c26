"""What each `familiar` command does: call one part of the app, hand its result to the output."""
