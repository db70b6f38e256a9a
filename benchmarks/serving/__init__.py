"""`just bench serving`: the prediction service compared with other model servers, on one machine, in one run."""
