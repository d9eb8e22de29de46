"""How well an assistant retrieves, quotes and abstains."""
