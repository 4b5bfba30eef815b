"""The rows of mails, and the loop that renders what is asked for, completes what is due and sends it."""
