"""The sample organization: an invented EdTech vendor on its way back from a failed audit.

Everything is done through the services that pages call, each step by the person who may. It can be removed with
`manage.py remove_sample`.
"""

SLUG = "sample"
NAME = "Lumenroll (sample)"
