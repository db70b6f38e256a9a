"""`just bench serving`: the prediction service beside other model servers, on one machine, in one run."""
