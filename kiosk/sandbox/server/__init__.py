"""The sandbox BHXH service: the whole contract, with real checks and real mail."""
