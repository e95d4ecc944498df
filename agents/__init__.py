"""One file, one agent: a loop over a step, and the step."""
