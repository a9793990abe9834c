"""Patch Portal from a terminal. Speaks to the portal's API alone; knows neither Django nor an app of it."""
