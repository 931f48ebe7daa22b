/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's journal is moved into the file by a thread and a connection of its own: who does so waits for the disk, some
 * tens of milliseconds, and the loop is not to. Others go on reading and writing meanwhile.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <weir_db.h>

struct site_journal;

struct site_journal *site_journal_start(const char *path, struct weir_err *err);
void site_journal_move(struct site_journal *j); /* soon; returns at once */
void site_journal_stop(struct site_journal *j); /* NULL is fine */

#endif
