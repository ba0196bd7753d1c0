"""How the kiosk bears thousands of visits, and days on which nobody comes."""
