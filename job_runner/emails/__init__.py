"""The mails: their texts, their rows, and the loop that sends them."""
