"""The slip of paper with the way by telephone, on a receipt printer that speaks ESC/POS."""
