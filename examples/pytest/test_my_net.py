"""All that backproof checks of `my_net.net`, one test each: run `pytest examples/pytest`."""

from my_net import net

from backproof.testing import parametrize_with_checks


@parametrize_with_checks(net)
def test_my_net(check):
    check()
