"""A program whose work is done in a pool of processes: ``pools.py KIND METHOD TASKS``.

Prints what each task has answered. The first tasks wait until each worker has one.
"""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.hosts.apps.work import FOLDER, work

WORKERS = 2


def work_together(app_id: str) -> str:
    (FOLDER / f"worker-{os.getpid()}").touch()
    while len(list(FOLDER.glob("worker-*"))) < WORKERS:
        time.sleep(0.005)
    return work(app_id)


def executor(method: str, ids: list[str]) -> list[str]:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(work_together, ids))


def pool(method: str, ids: list[str]) -> list[str]:
    with multiprocessing.get_context(method).Pool(WORKERS) as made:
        answers = made.map(work_together, ids, chunksize=1)
        made.close()
        made.join()
    return answers


if __name__ == "__main__":
    run = {"executor": executor, "pool": pool}[sys.argv[1]]
    ids = [str(n) for n in range(int(sys.argv[3]))]
    for app_id, answer in zip(ids, run(sys.argv[2], ids), strict=True):
        sys.stdout.write(f"{app_id} {answer}\n")
