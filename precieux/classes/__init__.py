"""A class: what a learning management system exports, who handed it in, and the system's file of grades."""
