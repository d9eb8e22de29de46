"""What is asked, before it is searched."""
