"""A picture has a budget of pixels, and large pictures wait for each other."""

import threading

import pytest
from PIL import Image

from o2u_nb.data import budget
from o2u_nb.data.budget import Room, room_for


def test_more_pixels_than_the_budget_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(budget, "MOST", 2_000_000)
    with (
        pytest.raises(ValueError, match=r"2,000 x 1,001 pixels are more than the 2 million"),
        room_for(Image.new("1", (2000, 1001)), 2_002_000),
    ):
        pass
    with room_for(Image.new("1", (2000, 1000)), 2_000_000):
        pass


@pytest.mark.parametrize(("pixels", "together"), [(60, 1), (50, 2), (20, 5), (500, 1)])
def test_no_more_are_decoded_at_once_than_there_is_room_for(pixels, together):
    room, lock = Room(most=100), threading.Lock()
    inside, most = 0, 0
    full = threading.Barrier(together)

    def decode():
        nonlocal inside, most
        with room.of(pixels):
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(10)  # as many as fit are inside together, or this fails
            with lock:
                inside -= 1

    threads = [threading.Thread(target=decode) for _ in range(2 * together)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert most == together and room._taken == 0


def test_room_is_given_back_after_an_error():
    room = Room(most=10)
    with pytest.raises(OSError), room.of(10):
        raise OSError
    with room.of(10):
        pass
