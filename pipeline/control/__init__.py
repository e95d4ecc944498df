"""Rules as people keep them: a folder of YAML, compared with the topic control, linted and tested."""
