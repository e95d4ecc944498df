"""What the tests on the broker stand on: workers as processes, load, faults, and the oracle they are judged by."""
