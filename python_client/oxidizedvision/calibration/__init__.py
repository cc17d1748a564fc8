"""The inputs that a smaller precision is calibrated and judged on."""

from oxidizedvision.calibration.samples import Sample, SampleSource, load_samples, random_samples

__all__ = ["Sample", "SampleSource", "load_samples", "random_samples"]
