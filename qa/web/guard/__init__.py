"""What stands in front of the application: who may use it, and how much."""
