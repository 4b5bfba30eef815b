"""Service 3: claims jobs, has the engine run them, stores the outcome and mails it."""
