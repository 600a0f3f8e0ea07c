# The robot in a container; see "Clusters" in docs/operations.md.
#   docker build -t fsm_robot .
# A robot of one's own is two lines more: FROM fsm_robot, and COPY of robot.toml and scripts to /robot.
FROM python:3.13-slim AS built
WORKDIR /src
COPY requirements.lock .
RUN python -m venv /opt/robot \
    && /opt/robot/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/robot/bin/python -m pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
# By number: a cluster cannot tell from a name that it is not root.
RUN groupadd --gid 10001 robot \
    && useradd --uid 10001 --gid 10001 --home-dir /state --no-create-home --shell /usr/sbin/nologin robot \
    && install -d -o 10001 -g 10001 -m 700 /state
COPY --from=built /opt/robot /opt/robot
# The root may be read-only: what the robot writes, and the modules that Python compiles for scripts, go to the volume.
ENV FSM_ROBOT_STORAGE_DIRECTORY=/state PYTHONPYCACHEPREFIX=/state/pycache
WORKDIR /robot
USER 10001:10001
VOLUME /state
STOPSIGNAL SIGTERM
# No shell before it: the robot itself is process 1, hears SIGTERM, and reaps what scripts leave.
ENTRYPOINT ["/opt/robot/bin/python", "-I", "-m", "fsm_robot"]
CMD ["run", "--scheduled", "--config", "/robot/robot.toml"]
