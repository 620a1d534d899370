"""Records of any source as rows of the contract: typed, keyed, redacted; or rejected, with a reason."""
