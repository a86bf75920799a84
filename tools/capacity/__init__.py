"""How much this machine carries: measured on a throw-away rig, told as a rule."""
