"""The languages and limits that the engine offers."""
