"""The mails in the database."""
