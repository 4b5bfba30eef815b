"""All of it is right."""


def mean(numbers):
    if not numbers:
        raise ValueError("There are no numbers.")
    return sum(numbers) / len(numbers)


class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        return self.items.pop()
