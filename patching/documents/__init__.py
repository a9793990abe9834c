"""What runs on hosts, and how its output is read."""
