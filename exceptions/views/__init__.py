"""Pages of exceptions: ask, decide, look up. Each loads, calls one operation, and translates the answer."""
