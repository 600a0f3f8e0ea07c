"""Ends before anybody has looked; nothing is tidied up."""
import os

import mark

os._exit(mark.VALUES["code"])
