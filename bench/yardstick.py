"""The algorithm's example calls and nothing more: requests, no session, no checks. The measure."""

import base64
import json
import subprocess
import sys
import threading

import requests

URL, GUID, SCRIPTS = sys.argv[1], sys.argv[2], sys.argv[3]
HEADERS = {"Authorization": "Basic " + base64.b64encode(GUID.encode()).decode()}


def heartbeat(status, job_guid="", job_name=""):
    data = {
        "RobotGUID": GUID,
        "Machine": "yardstick",
        "IP": "127.0.0.1",
        "MAC": "00-00-00-00-00-00",
        "Status": status,
        "JobGUID": job_guid,
        "JobName": job_name,
        "JobType": 1,
    }
    return json.loads(requests.post(f"{URL}/api/robot/heartbeat", headers=HEADERS, data=data, verify=False).text)


def update(guid, status):
    requests.put(f"{URL}/api/job/update", headers=HEADERS, data={"guid": guid, "status": status}, verify=False)


while heartbeat(2)["HasNewJob"] == 1:
    answer = requests.post(
        f"{URL}/api/robot/consumeNextJob", headers=HEADERS, data={"RobotGUID": GUID, "Status": 2}, verify=False
    )
    consumed = json.loads(answer.text)
    job, version = json.loads(consumed["Job"]), json.loads(consumed["ProcessVersion"])
    update(job["GUID"], 8)
    over = threading.Event()

    def beat(guid=job["GUID"], name=version["Name"], over=over):
        while not over.wait(10):
            heartbeat(3, guid, name)

    threading.Thread(target=beat, daemon=True).start()
    done = subprocess.run([sys.executable, f"{SCRIPTS}/{version['Name']}.py"], check=False)
    over.set()
    update(job["GUID"], 4 if done.returncode == 0 else 5)
