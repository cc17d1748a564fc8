"""INT8 and FP16 within a budget, on the engine that will run them."""
