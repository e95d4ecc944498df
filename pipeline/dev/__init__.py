"""What a developer's machine needs and production does not: a Kafka broker without root or containers."""
