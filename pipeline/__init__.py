"""The product: decisions inside, wiring outside."""
