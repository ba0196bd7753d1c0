"""The BHXH service as the kiosk sees it. Nothing here knows the screens or the token."""
