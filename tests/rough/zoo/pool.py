"""A pool of processes by spawn, whose workers ask for the job."""

import concurrent.futures
import multiprocessing


def who(_):
    from fsm_robot import job

    return job.guid()


if __name__ == "__main__":
    import mark

    mark.began()
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(who, range(2), timeout=8)) == [mark.GUID] * 2
