"""Files people drop: found in the inbox, read whatever their format, mapped onto the contract."""
