"""Does what is due from time to time: removes old rows and orphans."""
