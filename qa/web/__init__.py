"""The web application: the chat page and its server."""
