from __future__ import annotations

from predictions.models import BatchState, Prediction, RefusedRow


def test_everyone_in_the_public_file_is_assessed(alice, assessed, ibm_file):
    batch = assessed(alice, ibm_file)
    assert batch.state == BatchState.DONE, batch.message
    assert batch.rows == 1470
    assert Prediction.objects.filter(batch=batch).count() == 1470
    assert not RefusedRow.objects.exists()
