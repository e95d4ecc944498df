"""The test suite. A package, so that bench/faults.py runs the same scenarios with more rounds."""
