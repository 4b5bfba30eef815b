"""Problems: packages that are stored under a name, in versions, and that programs are submitted to."""
