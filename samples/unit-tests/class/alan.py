"""A mean of no numbers is a ZeroDivisionError, and the first one comes first."""


def mean(numbers):
    return sum(numbers) / len(numbers)


class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        return self.items.pop(0)
