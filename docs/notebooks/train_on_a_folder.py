# %% [markdown]
# # Train on a class folder
#
# A folder for each class, with the crops of its cells in it, is all that a training needs. Here the crops are
# cut out of simulated fields. Cells of one field share their light, focus and strain: they are near-copies of
# each other. A fair score therefore comes from fields that the model has not seen.

# %%
import tempfile
from pathlib import Path

import tifffile
from matplotlib import pyplot as plt
from skimage.measure import regionprops

from napari_organelle import open_image_set, train_model
from napari_organelle.show.report import draw_confusion, draw_examples
from napari_organelle.simulate.yeast import simulate_field

CLASSES = ("nucleus", "mitochondrion", "cell periphery", "vacuole")
FIELDS, SIDE = 6, 64
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Write the crops
#
# The file names say gene, field, channel and cell, such as `SIM1_3_gfp_12`. Each crop is a pair of files: the
# protein (`gfp`) and a marker of the cytosol (`rfp`).

# %%
for number, name in enumerate(CLASSES):
    (folder / name).mkdir()
    for place in range(FIELDS):
        field = simulate_field(seed=100 * number + place, size=320, cells=12, classes=[name])
        for cell in regionprops(field.masks):
            y, x = (int(middle) - SIDE // 2 for middle in cell.centroid)
            crop = field.pixels[:, max(y, 0) : y + SIDE, max(x, 0) : x + SIDE]
            if crop.shape[1:] == (SIDE, SIDE):
                for channel, pixels in zip(("rfp", "gfp"), crop, strict=True):
                    path = folder / name / f"SIM{number}_{place}_rfp_{cell.label}_{channel}.tif"
                    tifffile.imwrite(path, pixels)

images = open_image_set(folder)
images.items.groupby("label")[["item", "field"]].nunique()

# %% [markdown]
# ## Train, and judge on fields that were held out
#
# `judge="holdout"` keeps some fields for the test. Whole fields stay on one side: a field on two sides, or
# the same pixels twice, would be an error. (Without it, so few crops are judged by cross-validation.)

# %%
result = train_model(images, folder / "mine.organelle", judge="holdout", seed=0)
training_set = result.training_set
examples, split = training_set.examples, training_set.split
print("kept together by", examples.grouped_by)
groups = {side: set(examples.groups[getattr(split, side)]) for side in ("train", "val", "test")}
for side, names in groups.items():
    print(f"{side:5} {len(getattr(split, side)):3} crops of {len(names):2} fields")
print("fields on two sides:", len((groups["train"] | groups["val"]) & groups["test"]))

# %% [markdown]
# ## The score, beside the trivial answer's
#
# Macro F1 is the mean over the classes of the harmonic mean of precision and recall. The trivial answer looks
# at no pixel: it always says the same class, or guesses by frequency. A model whose interval does not lie
# above its score has learned nothing, and is marked so wherever it is used.

# %%
scores = result.scores
print(scores.summary())

figure, axes = plt.subplots(figsize=(6, 1.8), layout="constrained")
low, high = scores.ci95
axes.barh("trivial answer", scores.trivial["macro_f1"], color="grey")
axes.barh("model", scores.macro_f1, xerr=[[scores.macro_f1 - low], [high - scores.macro_f1]], capsize=4)
axes.set(xlim=(0, 1), xlabel="macro F1 on held-out fields, with the 95 % interval")
plt.show()

# %%
draw_confusion(result)

# %% [markdown]
# Held-out crops as the network sees them (cytosol red, protein green). Where a call is wrong, it stands below
# the truth.

# %%
draw_examples(result)

# %% [markdown]
# The model is one file. Name it in place of `yeast-12`: `classify("field.ome.tif", "mine.organelle")`.
