"""Evaluation: how well an assistant retrieves, quotes and abstains."""
