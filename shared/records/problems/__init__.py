"""Problems: stored packages, their versions, and the files of these in the object store."""
