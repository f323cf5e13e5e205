from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.cli import main
from napari_organelle.model.bundle import ModelBundle, open_bundle


def test_a_second_head_is_fitted_to_unlabelled_fields(
    tiny_bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 160, 160)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "field.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    out = tmp_path / "two.organelle"
    command = ["dense-head", str(tiny_bundle.path), str(tmp_path / "field.tif"), "-o", str(out)]
    options = ["--channels", "cytosol=0,protein=1", "--tiles", "250", "--device", "cpu"]
    assert main([*command, *options]) == 0
    assert "fitted to 250 tiles" in capsys.readouterr().err
    assert open_bundle(out).spec.dense_head
    assert main([*command, *options]) == 2
    assert "there already" in capsys.readouterr().err
