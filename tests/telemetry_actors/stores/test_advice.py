"""What is said to do, for each way in which a directory or a Redis can't be used."""

import errno
import os

import pytest
from redis._parsers import BaseParser

from telemetry_actors.stores._redis_link import shown
from telemetry_actors.stores.advice import for_directory, for_redis

VARIABLE = "TELEMETRY_ACTORS__JOURNAL__DIRECTORY"


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, "let this process's user write there"),
        (errno.EPERM, "let this process's user write there"),
        (errno.ENOSPC, "free some room"),
        (errno.EROFS, "nothing can be written to that file system"),
        (errno.ENOTDIR, "a file stands where a directory is wanted"),
        (errno.EEXIST, "a file stands where a directory is wanted"),
        (errno.ENOENT, "was removed, or can't be made"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "kernel's log"),
    ],
)
def test_each_refusal_of_a_directory_has_a_remedy(number, says):
    advice = for_directory(OSError(number, os.strerror(number)), VARIABLE)
    assert says in advice
    assert "%" not in advice


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.ENOTDIR])
def test_where_another_directory_helps_the_variable_is_named(number):
    assert VARIABLE in for_directory(OSError(number, ""), VARIABLE)


@pytest.mark.parametrize("error", [OSError(errno.EPIPE, ""), OSError("?"), ValueError(), "text"])
def test_what_nobody_knows_has_none(error):
    assert for_directory(error, VARIABLE) == ""


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("NOAUTH Authentication required.", "put user and password"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "is another one"),
        ("ERR invalid password", "is another one"),
        ("ERR AUTH <password> called without any password configured", "leave it out"),
        ("NOPERM this user has no permissions to run the 'get' command", "ACL SETUSER"),
        ("READONLY You can't write against a read only replica.", "primary"),
        ("MASTERDOWN Link with MASTER is down", "primary"),
        ("LOADING Redis is loading the dataset in memory", "over by itself"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"),
        ("MISCONF Redis is configured to save RDB snapshots", "its log"),
        ("CLUSTERDOWN The cluster is down", "one server"),
        ("MOVED 3999 127.0.0.1:6381", "one server"),
        ("ERR max number of clients reached", "maxclients"),
        ("ERR DB index is out of range", "database of that number"),
        ("ERR what nobody has met yet", ""),
    ],
)
def test_each_answer_of_redis_has_a_remedy(reply, says):
    """As redis-py reads it: it takes off most codes, and raises a type of its own."""
    assert_remedy(shown(BaseParser.parse_error(reply)), says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("ConnectionError: Error 111 connecting to 127.0.0.1:1. Connection refused.", "running"),
        ("ConnectionError: Error -2 connecting to x:1. Name or service not known.", "unknown"),
        ("ConnectionError: [SSL: WRONG_VERSION_NUMBER] wrong version number", "rediss://"),
        ("TimeoutError: Timeout reading from socket", "overloaded"),
    ],
)
def test_each_way_of_not_reaching_redis_has_a_remedy(words, says):
    assert_remedy(words, says)


def assert_remedy(words, says):
    advice = for_redis(words)
    assert says in advice
    assert bool(advice) == bool(says)
