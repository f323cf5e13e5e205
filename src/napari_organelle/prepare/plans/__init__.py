"""The kinds of regions: whole images, slices, tiles, objects and points, a module each."""

from napari_organelle.prepare.plans.base import RegionPlan
from napari_organelle.prepare.plans.images import Images, Slices
from napari_organelle.prepare.plans.objects import Objects
from napari_organelle.prepare.plans.points import Points
from napari_organelle.prepare.plans.tiles import Tiles

__all__ = ["Images", "Objects", "Points", "RegionPlan", "Slices", "Tiles"]
