"""What records look like at every border."""
