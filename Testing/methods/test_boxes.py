"""Settings of the method and the term that learn from boxes."""

import pytest

from SemiWeakSegLib.methods import Boxes, BoxTerm, SettingsError, SizeTerm, parse_term
from SemiWeakSegLib.methods.box_bounds import TURNED_SHARES, USUAL_SHARES


class TestSizeShares:
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_the_usual_ones_where_none_is_given(self, dimensions):
        assert BoxTerm().size_shares(dimensions) == USUAL_SHARES[dimensions]
        assert BoxTerm().size_shares(dimensions, turned=True) == TURNED_SHARES[dimensions]
        assert BoxTerm(size_low=0.1).size_shares(dimensions, turned=True)[0] == 0.1

    def test_given_ones_for_any_dimension(self):
        settings = Boxes(size_low=0.2, size_high=0.3)
        assert settings.size_shares(2) == settings.size_shares(3) == (0.2, 0.3)

    def test_one_given_bound_moves_the_other_one_out_of_its_way(self):
        assert BoxTerm(size_low=0.95).size_shares(2) == (0.95, 0.95)
        assert BoxTerm(size_high=0.2).size_shares(2) == (0.2, 0.2)

    def test_the_wrong_way_round_is_refused(self):
        with pytest.raises(SettingsError, match=r"size_low is 0\.6 and size_high 0\.4"):
            Boxes.from_dict({"size_low": 0.6, "size_high": 0.4})


def test_both_ways_to_bound_boxes_have_one_set_of_usual_shares():
    fields = {each.name: each for each in SizeTerm.descriptions()}
    assert fields["box_low"].default is fields["box_high"].default is None
    for number in USUAL_SHARES[2] + USUAL_SHARES[3]:
        assert any(f"{number:g} of" in fields[name].help for name in ("box_low", "box_high"))


def test_the_term_is_addable():
    assert parse_term("boxes:2,size_low=0.3,size_high=none").settings.size_low == 0.3
    assert parse_term("candidates").weight_on(3) == Boxes().candidates_weight == 0.1
