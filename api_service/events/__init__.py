"""The events of submissions, and the streams that wait for them."""
