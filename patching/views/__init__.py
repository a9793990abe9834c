"""Pages of patching: each loads what its reader may see, calls one operation, and translates the answer."""
