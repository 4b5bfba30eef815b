"""The mails: rendering (pure), their rows, and the loop that sends them."""
