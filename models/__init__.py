"""Online models: one file, one model. Empty until the first one ships."""
