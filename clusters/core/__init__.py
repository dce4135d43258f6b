"""Pure rules of what runs where: no Django, no network, no clock.

values.py     what providers report and accept
naming.py     application, stack, detail, sequence in a server group's name
selection.py  which server groups of a cluster a target or a strategy means
resizing.py   the arithmetic of a resize
"""
