"""What the commands of `core-alerts` do, one file a group. Heavy imports stay inside them, so that --help is quick."""
