"""The simulated AWS that stands outside the product."""
