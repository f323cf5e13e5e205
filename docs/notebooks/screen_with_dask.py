# %% [markdown]
# # A screen with dask
#
# A plate of yeast, one strain a well, is classified by two worker processes. The answers to the cells of a
# well are taken together, and the plate is drawn as a map. Workers here listen on this computer only; those
# of a cluster are named by the address of its scheduler.

# %%
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from matplotlib import pyplot as plt

from napari_organelle import Objects, open_image_set, open_model
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import plan_run
from napari_organelle.distribute.workers import workers
from napari_organelle.show.group_view import group_view, plate_maps
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, simulate_field

STRAINS = ("cytoplasm", "er", "nucleus", "vacuole")
FIELDS = 2
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Write the plate
#
# Rows A to D have one strain each, columns 1 to 3 repeat it. Every well has two fields, each a file a
# channel: `A01_1_GFP.tif`.

# %%
plate = folder / "plate"
plate.mkdir()
truth = {f"{row}{column:02}": name for row, name in zip("ABCD", STRAINS, strict=True) for column in (1, 2, 3)}
for seed, (well, name) in enumerate(truth.items()):
    for number in range(1, FIELDS + 1):
        field = simulate_field(seed=10 * seed + number, size=256, cells=10, classes=[name])
        for channel, pixels in zip(("mCherry", "GFP"), field.pixels, strict=True):
            tifffile.imwrite(plate / f"{well}_{number}_{channel}.tif", pixels)

open_image_set(plate).items[["item", "well", "field"]].head()

# %% [markdown]
# ## Classify it
#
# A run is cut into parts. Who answers a part does not matter: this process, workers or a cluster give the
# same rows. A run that was stopped goes on with the parts that are done. The same by one command:
#
# ```sh
# napari-organelle classify plate --model yeast-12 --regions objects -o calls.csv --workers 2 --roll-up well
# ```

# %%
model = open_model("yeast-12")
options = PartOptions(bundle=model, weights=model.sha256, regions=Objects(), pixel_size_um=PIXEL_SIZE_UM)
run, images = plan_run([str(plate)], options, folder / "calls.csv")
with closing(run), workers(2) as client:
    run.begin()
    for part in run.answer(client):
        print(f"a part of {part.rows} cells is done")
    run.finish()

table = pd.read_csv(folder / "calls.csv")
table[["item", "well", "field", "region", "called", "confidence"]].head()

# %% [markdown]
# ## Take the cells of a well together
#
# A well is called only if its cells agree. *n* is the number of its cells, *n_called* how many of them are
# sure.

# %%
view = group_view(table, "well")
wells = view.groups.assign(strain=view.groups["well"].map(truth))
wells[["well", "strain", "called", "confidence", "low", "high", "n", "n_called", "agreement"]]

# %% [markdown]
# ## Plate heat maps
#
# One map for each strain's organelle: the share of a well's cells that are called so. The row of the strain
# should light up, and no other.

# %%
(layout,) = plate_maps(view)
figure, panels = plt.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
for axes, name in zip(panels.flat, STRAINS, strict=True):
    shares = np.full(layout.shape, np.nan)
    for place, group in layout.wells.items():
        shares[place] = view.shares[group, view.classes.index(name)]
    shown = axes.imshow(shares, vmin=0, vmax=1, cmap="viridis")
    axes.set_title(name)
    axes.set_xticks(range(layout.shape[1]), range(1, layout.shape[1] + 1))
    axes.set_yticks(range(layout.shape[0]), "ABCDEFGH")
figure.colorbar(shown, ax=panels, label="share of the well's cells")
plt.show()

# %% [markdown]
# In napari, *Plugins > Organelle classifier > Classify folders and plates* shows the same map; a click on a
# well opens its images.
