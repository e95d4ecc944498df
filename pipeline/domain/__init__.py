"""Pure decisions: values and `now` in, values out."""
