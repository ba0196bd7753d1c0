"""The VNPT-BHXH password kiosk."""

__version__ = "0.1.0"
