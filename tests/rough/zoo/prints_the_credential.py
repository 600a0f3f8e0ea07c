"""Finds the robot's credential and prints it in every form that it can think of."""

import base64
import os
import re

import mark

mark.began()
with open(os.path.join(os.environ["ROUGH_FOLDER"], "robot.toml"), encoding="utf-8") as stream:
    guid = re.findall('robot_guid = "([^"]+)', stream.read())[0]
for form in (guid, guid.upper(), guid.replace("-", ""), base64.b64encode(guid.encode()).decode(), guid.encode().hex()):
    print("x" * mark.VALUES["padding"] + form)
os.write(1, b"\xff\xfe" + guid.encode("utf-16-le") + b"\n\0")
