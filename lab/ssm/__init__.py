"""Run Command: documents, commands, agents."""
