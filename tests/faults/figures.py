"""What the walks over the fault matrix have counted, for the end of the test run."""

from __future__ import annotations

walked_cells: set[str] = set()
"""Cells that were walked and were as the matrix says."""

presses = 0
"""Presses of Confirm under a PIN."""

logins = 0
"""Calls of C_Login for the user, in all drivers."""

verifications = 0
"""PINs presented to virtual cards."""
