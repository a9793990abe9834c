"""Simulated Linux hosts: a directory per host and package-manager shims on PATH."""
