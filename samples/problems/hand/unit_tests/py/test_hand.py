import pytest
from cards import Card
from hand import Hand


@pytest.fixture
def hand():
    hand = Hand()
    for value in (2, 7):
        hand.take(Card(value))
    return hand


def test_a_new_hand_is_worth_nothing():
    assert Hand().total() == 0


@pytest.mark.points(2)
def test_the_last_card_is_played_first(hand):
    assert [hand.play().value, hand.play().value] == [7, 2]


@pytest.mark.hidden
@pytest.mark.points(2)
def test_an_empty_hand_has_nothing_to_play():
    with pytest.raises(IndexError):
        Hand().play()


@pytest.mark.hidden
def test_what_was_played_is_worth_nothing(hand):
    hand.play()
    assert hand.total() == 2
