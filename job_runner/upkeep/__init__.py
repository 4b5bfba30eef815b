"""What is due from time to time: cleaning, orphans, ended batches."""
