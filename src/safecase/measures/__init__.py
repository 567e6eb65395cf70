"""The nine measures of the guidelines, all of one shape: a page, what its checks share, and `checks/`, one a file.

A measure never imports another one: what two need lives in `engines` or `readers`.
"""
