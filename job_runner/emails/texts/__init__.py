"""Writes mails: subjects, texts, HTML and attached files. Pure."""
