"""What makes alerts the same: rules found in recorded alerts."""
