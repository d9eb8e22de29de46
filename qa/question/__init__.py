"""Read a question before it is searched: small talk, language, spelling, follow-ups."""
