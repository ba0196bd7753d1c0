"""How fast the kiosk is, and how little it takes, beside what else could run on the machine."""
