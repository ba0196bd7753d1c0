"""`kiosk doctor`: tells a technician what the kiosk finds on this machine, and what to do.

A check is a function that returns findings or a whole report; `text` writes a report, and
a report writes itself as JSON.
"""
