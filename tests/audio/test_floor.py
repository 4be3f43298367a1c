import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.audio.floor import Quietest, floor_like
from speechsearch.audio.player import noise_floor


@given(st.integers(1, 9000), st.lists(st.integers(0, 9000), max_size=6), st.integers(0, 2**16))
def test_the_quietest_piece_is_the_same_in_whatever_blocks_the_sound_comes(length, cuts, seed):
    random = np.random.default_rng(seed)
    sound = (random.normal(0, 0.1, length) * random.uniform(0, 1, length)).astype(np.float32)
    quietest = Quietest()
    for piece in np.split(sound, sorted(cut for cut in cuts if cut < length)):
        quietest.feed(piece)
    np.testing.assert_array_equal(floor_like(quietest.piece, 2000), noise_floor(sound, 2000))


def test_the_floor_is_as_loud_as_the_quietest_piece():
    random = np.random.default_rng(0)
    sound = random.normal(0, 0.3, 16_000).astype(np.float32)
    sound[8000:10_400] *= 0.01
    floor = floor_like_of(sound)
    assert 0.002 < np.sqrt(np.mean(np.square(floor))) < 0.004


def floor_like_of(sound):
    quietest = Quietest()
    quietest.feed(sound)
    return floor_like(quietest.piece, 16_000)
