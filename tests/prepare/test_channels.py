import pytest

from napari_organelle.errors import ChannelError
from napari_organelle.prepare.channels import (
    HPA_SLOTS,
    YEAST_SLOTS,
    ChannelMap,
    Slot,
    guess_channels,
    parse_channels,
)
from napari_organelle.read.image_set import Channel


def guess(slots: tuple[Slot, ...], *channels: Channel | str) -> tuple[int | None, ...]:
    return guess_channels(slots, [Channel(c) if isinstance(c, str) else c for c in channels]).indices


def test_names_aliases_and_words_of_names_fill_slots_whatever_the_order():
    assert guess(YEAST_SLOTS, "GFP", "mCherry") == (1, 0)
    assert guess(YEAST_SLOTS, "cell01 [gfp]", "Cytosol_marker", "DIC") == (1, 0)
    assert guess(HPA_SLOTS, "blue", "green", "red", "yellow") == (2, 1, 0, 3)
    assert guess(HPA_SLOTS, "endoplasmic-reticulum", "Hoechst 33342", "tubulin", "protein") == (2, 3, 1, 0)


def test_a_word_is_not_found_inside_another():
    assert guess(YEAST_SLOTS, "measured", "evergreen", "x") == (None, None)


def test_colormaps_decide_where_names_say_nothing_and_names_win_over_them():
    assert guess(YEAST_SLOTS, Channel("a", "green"), Channel("b", "red")) == (1, 0)
    assert guess(YEAST_SLOTS, Channel("GFP", "red"), Channel("mCherry", "green")) == (1, 0)


def test_leftovers_go_together_and_nameless_channels_in_order():
    assert guess(YEAST_SLOTS, "a", "b") == (0, 1)
    assert guess(YEAST_SLOTS, "a") == (None, 0)
    assert guess(YEAST_SLOTS, "mCherry", "x") == (0, 1)
    assert guess(HPA_SLOTS, "a", "b") == (None, None, None, None)


def test_a_required_slot_left_empty_is_a_problem_that_names_what_is_there():
    channels = guess_channels(HPA_SLOTS, [Channel("GFP"), Channel("mCherry")])
    message = (
        "The model needs 'microtubules' and 'nucleus'; the image has ['GFP', 'mCherry']. "
        "Pick a channel for 'microtubules' and 'nucleus'."
    )
    assert channels.problem() == message
    with pytest.raises(ChannelError, match="The model needs 'microtubules' and 'nucleus'"):
        channels.require()


def test_optional_slots_may_stay_empty_but_not_all():
    assert ChannelMap(YEAST_SLOTS, (None, 0), ("GFP",)).problem() == ""
    optional = (Slot("cytosol", required=False),)
    assert ChannelMap(optional, (None,), ("GFP",)).problem().startswith("No channel is picked")


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("protein=mCherry,cytosol=GFP", (1, 0)),
        ("protein=gfp", (0, 1)),
        ("PROTEIN = 0 , cytosol=2", (2, 0)),
        ("cytosol=none", (None, 1)),
        ("cytosol=", (None, 1)),
        ("", (0, 1)),
    ],
)
def test_a_choice_is_read_by_name_or_index_and_the_rest_guessed(text: str, indices: tuple[int | None, ...]):
    assert parse_channels(text, YEAST_SLOTS, ("mCherry", "GFP", "DIC")).indices == indices


def test_a_channel_whose_name_is_a_number_is_taken_by_its_name():
    assert parse_channels("protein=1,cytosol=none", YEAST_SLOTS, ("1", "0")).indices == (None, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GFP", "slot=channel"),
        ("nucleus=GFP", r"no slot 'nucleus'; it has \['cytosol', 'protein'\]"),
        ("protein=YFP", r"no channel 'YFP'; it has \['mCherry', 'GFP'\], or 0 to 1"),
        ("protein=2", "no channel '2'"),
    ],
)
def test_a_bad_choice_is_refused_with_what_there_is(text: str, message: str):
    with pytest.raises(ChannelError, match=message):
        parse_channels(text, YEAST_SLOTS, ("mCherry", "GFP"))
