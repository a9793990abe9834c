"""Simulated machines behind one interface."""
