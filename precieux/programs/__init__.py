"""Programs and tests in files, and the samples."""
