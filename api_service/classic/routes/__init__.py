"""The routes. They only translate between HTTP and the use cases."""
