"""Fails, and its last line holds the robot's credential, where a cut may fall."""

import os
import re
import sys

import mark

mark.began()
with open(os.path.join(os.environ["ROUGH_FOLDER"], "robot.toml"), encoding="utf-8") as stream:
    guid = re.findall('robot_guid = "([^"]+)', stream.read())[0]
line = "y" * mark.VALUES["padding"] + guid
if mark.VALUES["wide"]:
    os.write(2, line.encode("utf-16-le") + "\n".encode("utf-16-le"))
    sys.exit(1)
sys.exit(line)
