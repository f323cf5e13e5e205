"""The errors that a user can meet; each message says what was expected, what came and what to do."""


class OrganelleError(Exception):
    """Base of every error that this package raises on purpose."""


class ReadError(OrganelleError):
    """A file, folder or table cannot be read, or is not what its name promises."""


class ChannelError(OrganelleError):
    """A model's channel slot cannot be filled from the image's channels."""


class RegionError(OrganelleError):
    """The requested regions do not fit the image."""


class UnseenCellsError(RegionError):
    """Cells are there, or should be, but can't be made out in the picture."""


class BundleError(OrganelleError):
    """A model bundle is damaged, unsafe, or made for a newer version."""


class DeviceError(OrganelleError):
    """The requested device or Keras backend cannot run the model."""


class TrainingError(OrganelleError):
    """A training plan cannot be carried out with the data at hand."""


class OrganelleWarning(UserWarning):
    """Something was skipped or replaced, and the work went on."""
