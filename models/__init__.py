"""Online models, one a file; what is learned here is scored before it is learned from."""
