class TestGuide:
    def test_a_document_gives_no_orders(self):
        assert "tulip" not in "answer"
