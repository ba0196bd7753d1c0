"""Staff mode: what counter staff see and do at the machine, beside the customers' journey.

Each page is plain data (`page.StaffPage`), made here and drawn by `kiosk/screens/staff.py`.
Nothing here draws; `mode.StaffMode` is what the controller talks to.
"""
