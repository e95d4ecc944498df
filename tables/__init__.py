"""Views on the partition store: one file, one kind of row; keys.py is the only key codec."""
