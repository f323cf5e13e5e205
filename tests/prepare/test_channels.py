import pytest

from napari_organelle.errors import ChannelError
from napari_organelle.prepare.channels import (
    HPA_SLOTS,
    HUMAN_SLOTS,
    YEAST_SLOTS,
    ChannelMap,
    Slot,
    bind_channels,
)
from napari_organelle.read.image_set import Channel


def bind(slots: tuple[Slot, ...], *channels: Channel | str, text: str = "") -> tuple[int | None, ...]:
    return bind_channels(slots, [Channel(c) if isinstance(c, str) else c for c in channels], text).indices


def test_names_aliases_and_words_of_names_fill_slots_whatever_the_order():
    assert bind(YEAST_SLOTS, "GFP", "mCherry") == (1, 0)
    assert bind(YEAST_SLOTS, "cell01 [gfp]", "Cytosol_marker", "DIC") == (1, 0)
    assert bind(HPA_SLOTS, "blue", "green", "red", "yellow") == (2, 1, 0, 3)
    assert bind(HPA_SLOTS, "endoplasmic-reticulum", "Hoechst 33342", "tubulin", "protein") == (2, 3, 1, 0)


@pytest.mark.parametrize(
    ("red", "green"),
    [
        ("TRITC", "FITC"),
        ("561", "488"),
        ("561 nm", "488nm"),
        ("Texas_Red", "Alexa Fluor 488"),
        ("AF568", "AF488"),
        ("mScarlet-I", "mNeonGreen"),
        ("mCherry2", "mNeon"),
        ("w2RFP", "w1GFP"),
        ("c:1/2 - mCherry-HDEL.nd2", "c:2/2 - GFP-Sec7.nd2"),
    ],
)
def test_dyes_and_laser_lines_stand_for_each_other(red: str, green: str):
    assert bind(YEAST_SLOTS, green, red) == (1, 0)
    assert bind(YEAST_SLOTS, red, green) == (0, 1)
    assert bind(HPA_SLOTS, "405", red, green)[1:3] == (2, 0), "a red dye is no evidence of microtubules"


def test_a_word_is_not_found_inside_another():
    assert bind(YEAST_SLOTS, "measured", "evergreen", "x") == (None, None)
    assert bind(YEAST_SLOTS, "far red", "x", "y") == (None, None)


def test_evidence_decides_where_names_say_nothing_and_names_win_over_it():
    assert bind(YEAST_SLOTS, Channel("a", evidence="green"), Channel("b", evidence="red")) == (1, 0)
    assert bind(YEAST_SLOTS, Channel("a", evidence="TRITC"), Channel("b", evidence="FITC")) == (0, 1)
    assert bind(YEAST_SLOTS, Channel("GFP", evidence="red"), Channel("mCherry", evidence="green")) == (1, 0)


def test_how_a_channel_is_shown_and_where_it_stands_is_no_evidence():
    assert bind(YEAST_SLOTS, Channel("a", "green"), Channel("b", "red")) == (None, None)
    assert bind(YEAST_SLOTS, "a", "b") == (None, None)
    assert bind(YEAST_SLOTS, *(f"channel {index}" for index in range(12))) == (None, None)


def test_what_has_another_name_is_not_taken_for_something_else():
    atlas = [Channel("microtubules", "red", "red"), Channel("protein", "green"), Channel("nucleus", "blue")]
    assert bind(YEAST_SLOTS, *atlas) == (None, 1)
    assert bind(YEAST_SLOTS, "mCherry", "Brightfield") == (0, None)
    assert bind(YEAST_SLOTS, "mCherry", Channel("x", evidence="blue")) == (0, None)


def test_two_that_match_alike_are_no_evidence():
    assert bind(YEAST_SLOTS, "GFP 1", "GFP 2", "mCherry") == (2, None)
    greens = [Channel("a", evidence="green"), Channel("b", evidence="green")]
    assert bind(YEAST_SLOTS, *greens) == (None, None)
    assert bind((Slot("stain", ("nucleus", "ER")),), "nucleus", "ER") == (None,)


def test_the_last_channel_fills_the_last_required_slot():
    assert bind(YEAST_SLOTS, "a") == (None, 0)
    assert bind(YEAST_SLOTS, "mCherry", "x") == (0, 1)
    assert bind(HPA_SLOTS, "a", "b") == (None, None, None, None)


def test_a_required_slot_left_empty_is_a_problem_with_a_line_to_type():
    channels = bind_channels(YEAST_SLOTS, [Channel("channel 0"), Channel("channel 1")])
    message = (
        "The model needs 'protein'; the file does not say which it is among its channels 0 'channel 0', "
        "1 'channel 1'. Pick a channel for 'protein'."
    )
    assert channels.problem() == message
    with pytest.raises(ChannelError, match=r"in this order.*: --channels cytosol=0,protein=1$"):
        channels.require()
    assert bind_channels(HPA_SLOTS, [Channel("GFP"), Channel("x")]).line() == (
        "--channels microtubules=1,protein=0,nucleus=none,ER=none"
    )


def test_optional_slots_may_stay_empty_but_not_all():
    assert ChannelMap(YEAST_SLOTS, (None, 0), ("GFP",)).problem() == ""
    optional = (Slot("cytosol", required=False),)
    assert ChannelMap(optional, (None,), ("GFP",)).problem().startswith("The model needs 'cytosol'")


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
def test_a_choice_is_read_by_name_or_index_and_the_rest_by_evidence(
    text: str, indices: tuple[int | None, ...]
):
    assert bind(YEAST_SLOTS, "mCherry", "GFP", "DIC", text=text) == indices


def test_a_channel_whose_name_is_a_number_is_taken_by_its_name():
    assert bind(YEAST_SLOTS, "1", "0", text="protein=1,cytosol=none") == (None, 0)


@pytest.mark.parametrize("names", [("1", "2"), ("1", "0"), ("a", "b"), ("1", "1"), ("a", "a")])
def test_the_line_to_type_means_what_it_says(names: tuple[str, str]):
    channels = [Channel(name) for name in names]
    line = bind_channels(YEAST_SLOTS, channels).line().removeprefix("--channels ")
    assert bind_channels(YEAST_SLOTS, channels, line).indices == (0, 1)


def test_one_channel_under_two_names_is_refused_and_one_for_two_slots_is_a_choice():
    with pytest.raises(ChannelError, match="'0' and '1' are one channel: 0, called '1'"):
        bind(YEAST_SLOTS, "1", "2", text="cytosol=0,protein=1")
    assert bind(YEAST_SLOTS, "GFP", "b", text="cytosol=GFP,protein=gfp") == (0, 0)
    with pytest.raises(ChannelError, match="2 channels are called 'GFP': give the number, 0 or 2"):
        bind(YEAST_SLOTS, "GFP", "b", "gfp", text="protein=GFP")


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
        bind(YEAST_SLOTS, "mCherry", "GFP", text=text)


def test_a_human_protein_may_come_alone():
    chosen = bind_channels(HUMAN_SLOTS, (Channel("green", "green"),))
    assert chosen.indices == (None, 0, None, None)
    assert chosen.problem() == ""
    atlas = [Channel(name) for name in ("microtubules", "protein", "nucleus", "ER")]
    assert bind_channels(HUMAN_SLOTS, atlas).indices == (0, 1, 2, 3)


def test_a_slot_given_twice_is_refused():
    with pytest.raises(ChannelError, match="'protein' is given twice"):
        bind_channels(YEAST_SLOTS, [Channel("a"), Channel("b")], "protein=a,Protein=b")
