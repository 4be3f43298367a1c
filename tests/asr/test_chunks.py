from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.chunks import pieces


@given(st.integers(1, 20_000), st.integers(1, 2000))
def test_kept_frames_follow_one_another_and_cover_all(frames, longest):
    kept = []
    for piece in pieces(frames, longest):
        kept += range(piece.first_frame + piece.keep.start, piece.first_frame + piece.keep.stop)
    assert kept == list(range(frames))


@given(st.integers(1, 20_000), st.integers(1, 2000))
def test_no_piece_is_over_the_longest_or_outside_of_the_audio(frames, longest):
    for piece in pieces(frames, longest):
        assert 0 <= piece.first_frame < piece.end_frame <= frames
        assert piece.end_frame - piece.first_frame <= longest


@given(st.integers(31, 20_000))
def test_every_inner_edge_has_context_on_both_sides(frames):
    for piece in pieces(frames, longest=30):
        length = piece.end_frame - piece.first_frame
        assert piece.first_frame == 0 or piece.keep.start == 2
        assert piece.end_frame == frames or piece.keep.stop == length - 2
