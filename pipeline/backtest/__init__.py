"""Rules compared with others, over the same alerts."""
