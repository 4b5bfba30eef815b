"""Problems: the runs of submissions to them, and the checks of their packages."""
