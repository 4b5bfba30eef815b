import main

print(__name__, main.__file__)
