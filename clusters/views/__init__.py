"""Pages about what runs where: thin views, one noun a file.

parts.py           one answer for page and fragment, 404 for what is not there or not to be seen
applications.py    list, new
settings.py        attributes, permissions, deletion of one application
clusters.py        an application's clusters
server_groups.py   one server group
instances.py       one instance and its log
load_balancers.py  firewalls.py   images.py
packages.py        uploads, by form and by PUT
"""
