"""Tests on the real broker."""
