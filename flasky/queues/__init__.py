"""Queues in the database: rows that are claimed, worked on and given back, by any number of threads and processes.

The outbox of mails and the background jobs are such queues. `claims` holds who may take which row, `worker` what
goes on until somebody says stop, `wake` how a commit wakes the thread that waits, `owner` whether the process that
holds a row still lives.
"""
