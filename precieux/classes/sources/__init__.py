"""What each system exports: a module for each, which `find` tries in their order."""
