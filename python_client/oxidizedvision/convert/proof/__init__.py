"""Whether an exported file is what PyTorch is: inputs to try, comparison, and who is to blame."""
