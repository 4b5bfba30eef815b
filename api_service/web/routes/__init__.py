"""The routes of the pages, one file a page. They only translate between HTTP and the use cases."""
