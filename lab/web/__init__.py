"""The HTTP side: what happens to a call before and after moto."""
