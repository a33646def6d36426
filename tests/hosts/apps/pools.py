"""A program whose work is done in a pool of processes: ``pools.py KIND METHOD TASKS``.

Prints what each task has answered.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.hosts.apps.work import work

WORKERS = 2


def executor(method: str, ids: list[str]) -> list[str]:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(work, ids))


def pool(method: str, ids: list[str]) -> list[str]:
    with multiprocessing.get_context(method).Pool(WORKERS) as made:
        answers = made.map(work, ids, chunksize=1)
        made.close()
        made.join()
    return answers


if __name__ == "__main__":
    run = {"executor": executor, "pool": pool}[sys.argv[1]]
    ids = [str(n) for n in range(int(sys.argv[3]))]
    for app_id, answer in zip(ids, run(sys.argv[2], ids), strict=True):
        print(app_id, answer)
