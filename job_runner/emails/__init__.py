"""The mails: `texts` are written, `sending` keeps their rows and sends them, and `mailers` know the providers."""
