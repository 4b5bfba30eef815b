"""The job runner (service 3): claims jobs, runs them at the engine, stores the results and mails them."""
