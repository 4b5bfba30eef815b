"""Files of Jobe's clients: the API stores them, and the job runner removes them."""
