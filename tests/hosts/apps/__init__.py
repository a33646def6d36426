"""The applications that the hosts run: each as a user would write it, with one event a request.

They are imported by the servers alone (pytest doesn't look into this folder).
"""
