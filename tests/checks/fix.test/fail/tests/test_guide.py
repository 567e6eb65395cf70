import pytest


@pytest.mark.skip(reason="later")
def test_a_document_gives_no_orders():
    assert "tulip" not in "answer"
