"""Accepts any two positive whole numbers with the wanted sum."""

import sys

ACCEPTED, WRONG = 42, 43

input_path, _answer_path, feedback = sys.argv[1:4]
wanted = int(open(input_path).read())


def reject(message: str) -> None:
    """Tell the program's author why, and end."""
    with open(feedback + "teammessage.txt", "w") as file:
        print(message, file=file)
    sys.exit(WRONG)


words = sys.stdin.read().split()
if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):
    reject("Print two positive whole numbers, and nothing else.")
first, second = (int(word[:20]) for word in words)
if first < 1 or second < 1:
    reject("Both numbers must be positive.")
if first + second != wanted:
    reject(f"{first} and {second} make {first + second}.")
sys.exit(ACCEPTED)
