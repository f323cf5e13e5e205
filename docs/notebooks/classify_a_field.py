# %% [markdown]
# # Classify a field
#
# A field of yeast is opened, its cells are found, and each cell is told the organelle that its protein lights
# up. The field is simulated: the true organelles are known, and nothing is downloaded. For a file of your
# own, write `images = open_image_set("field.ome.tif")` instead.

# %%
import numpy as np
from matplotlib import pyplot as plt
from skimage.segmentation import find_boundaries

from napari_organelle import Channel, ImageSet, Objects, classify, find_cells, open_model
from napari_organelle.simulate.yeast import simulate_field

field = simulate_field(seed=2019, size=512, cells=40)
channels = (Channel("mCherry"), Channel("GFP"))
images = ImageSet.from_array(field.pixels[np.newaxis], channels, pixel_size_um=field.pixel_size_um)

# %% [markdown]
# ## Find the cells and classify them
#
# The model `yeast-12` looks at two channels: the protein (here GFP) and a marker of the cytosol (here
# mCherry). The names of the channels say which is which. Cells are found in the marker.

# %%
model = open_model("yeast-12")
cells = find_cells(images, model)
prediction = classify(images, model, Objects(cells))
table = prediction.to_frame()
table[["y", "x", "called", "confidence"]].head()

# %% [markdown]
# ## Look at the calls
#
# Each cell is outlined in the colour of its organelle. White cells are *unsure*: no organelle is probable
# enough.

# %%
colours = {each.name: each.colour for each in model.spec.classes} | {"unsure": "white"}
called = table["called"].to_numpy()
edges = np.where(find_boundaries(cells[0], mode="inner"), cells[0], 0)

figure, panels = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
for axes, channel, picture in zip(panels, ("mCherry: cytosol", "GFP: protein"), field.pixels, strict=True):
    axes.imshow(picture, cmap="gray", vmax=np.percentile(picture, 99.7))
    axes.set(title=channel, xticks=[], yticks=[])
for name, colour in colours.items():
    y, x = np.nonzero(np.isin(edges, prediction.regions.ids[called == name]))
    if len(y):
        panels[1].scatter(x, y, s=0.8, color=colour, label=f"{name} ({(called == name).sum()})")
legend = figure.legend(loc="outside right center", markerscale=8, facecolor="black", labelcolor="white")

# %% [markdown]
# ## How often is it right?
#
# The true organelle of a found cell is that of the simulated cell which covers most of it. A higher threshold
# calls fewer cells, and more of these rightly. The line marks the model's own threshold.

# %%
truth = np.array(
    [
        field.organelles.get(int(np.bincount(field.masks[cells[0] == label]).argmax()), "none")
        for label in prediction.regions.ids
    ]
)
likeliest = np.array(prediction.called(0))
thresholds = np.linspace(0, 0.99, 100)
sure = prediction.confidence() >= thresholds[:, np.newaxis]
right = sure & (likeliest == truth)

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.plot(thresholds, sure.mean(axis=1), label="share of cells that are called")
precision = right.sum(axis=1) / np.maximum(sure.sum(axis=1), 1)
axes.plot(thresholds, precision, label="share of calls that are right")
axes.axvline(model.spec.thresholds[0], color="grey", linestyle="--")
axes.set(xlabel="threshold", ylim=(0, 1.02))
axes.legend()
plt.show()

# %% [markdown]
# ## Keep the table
#
# `table.to_csv("calls.csv")` writes it. In napari, *Save…* of the Classify widget writes the same table, also
# for scanpy, QuPath and CellProfiler.
