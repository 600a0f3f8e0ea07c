"""Ends before anybody has looked; nothing is tidied up."""

import os

import mark

mark.began()
os._exit(mark.VALUES["code"])
