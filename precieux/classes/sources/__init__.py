"""What each system exports: a function for each, which `find` tries in their order."""
