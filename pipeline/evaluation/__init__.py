"""How good the pipeline is on labelled data: what was said, compared with the truth that only the scorer reads."""
