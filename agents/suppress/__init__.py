"""What the ingest step does about suppression, for the tenants of one partition."""
