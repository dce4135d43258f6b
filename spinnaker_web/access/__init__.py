"""Who is at the door: signing in and out, its throttle, API tokens, and what a person set for themselves."""
