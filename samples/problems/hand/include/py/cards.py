"""The cards that the program is given."""


class Card:
    def __init__(self, value):
        self.value = value
