"""What both domains rest on: who may do what, who did what, and what must not be told.

permissions.py  actors, authorizations and the one rule that decides
audit.py        who did what, written in the transaction that did it
requests.py     what views know of a request
secrets.py      `secret:name` to a value, for the hosts and applications it is meant for
redaction.py    secrets out of texts and JSON before they are stored or sent
isolation.py    other people's code kept from this host, as far as it allows; confine.py takes the rights away
crashpoints.py  named places where tests stop a process
"""
