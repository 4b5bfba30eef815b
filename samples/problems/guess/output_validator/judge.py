"""Answers guesses. The program writes to our standard input, and reads our standard output."""

import sys

ACCEPTED, WRONG = 42, 43
GUESSES, MOST = 10, 1000

input_path, _answer_path, feedback = sys.argv[1:4]
number = int(open(input_path).read())


def end(code: int, message: str) -> None:
    """Tell the program's author how it went, and end."""
    with open(feedback + "teammessage.txt", "w") as file:
        print(message, file=file)
    sys.exit(code)


for nth in range(1, GUESSES + 1):
    line = sys.stdin.readline(100)
    if not line:
        end(WRONG, f"The program ended after {nth - 1} guesses.")
    word = line.strip()
    if not (word.isascii() and word.isdigit()) or not 1 <= int(word) <= MOST:
        end(WRONG, f"Guess {nth} is no number from 1 to {MOST}.")
    guess = int(word)
    print("right" if guess == number else "lower" if number < guess else "higher", flush=True)
    if guess == number:
        if sys.stdin.read(1):
            end(WRONG, "The program went on after the right guess.")
        end(ACCEPTED, f"It took {nth} guesses.")
end(WRONG, f"{GUESSES} guesses were not enough.")
