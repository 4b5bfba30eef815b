"""`python -m precieux` is the `precieux` command."""

from precieux.cli import main

if __name__ == "__main__":
    main()
