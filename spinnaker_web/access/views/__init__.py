"""sign_in.py: in and out. me.py: what a person sets for themselves."""
