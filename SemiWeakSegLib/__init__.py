"""SemiWeakSeg: train medical image segmentation from few labels, scribbles and unlabeled cases."""

__version__ = "0.1.0"
