class Hand:
    def __init__(self):
        self._cards = []

    def take(self, card):
        self._cards.append(card)

    def play(self):
        return self._cards.pop()

    def total(self):
        return sum(card.value for card in self._cards)
