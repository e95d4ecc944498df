"""What the records of alerts.enriched tell of an alert, in words."""
