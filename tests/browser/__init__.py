"""The mailbox's pages in a real browser."""
