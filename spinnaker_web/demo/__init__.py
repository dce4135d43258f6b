"""What a first run finds, and the main job run by itself.

world.py    account, application, packages, load balancer, pipelines: made once
pipelines/  the pipelines, as people would write them
traffic.py  clients that never stop asking through the load balancer
killer.py   kills instances one by one
stack.py    the running stack to attach to, or one of its own
tour.py     the demo: traffic, the pipeline, the verdict
"""
