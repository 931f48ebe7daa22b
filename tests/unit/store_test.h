/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for a store, records to put there, and the sqlite3 program as the independent reader. */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include "command_test.h"
#include "weir_test.h"

#include <weir_store.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_NS  (3600 * WEIR_NS_PER_S)
#define FIRST_NS (UINT64_C(1700002800) * WEIR_NS_PER_S) /* 2023-11-14 23:00:00 UTC */

/* In memory: no promise here is about the machine's end, and syncing a busy disk takes its time. */
static char test_dir[] = "/dev/shm/weir-store-XXXXXX";

/* What a shell command prints, up to its first line's end or all of it; static memory. */
static inline const char *shell(const char *command)
{
	static char text[1 << 20];
	size_t n = strlen(command_says(command, text, sizeof(text)));

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

#define SHELL(...)                                                 \
	({                                                         \
		char command_[4096];                               \
		snprintf(command_, sizeof(command_), __VA_ARGS__); \
		shell(command_);                                   \
	})

/* What SQL gives over every file of the store, one after the other. */
#define SQL(sql)                                                                                      \
	SHELL("for f in %s/flow-*.sqlite; do sqlite3 -readonly -cmd '.timeout 2000' $f \"%s\"; done", \
	      test_dir, sql)
/* The same, numbers added up. */
#define SQL_SUM(sql)                                                                                            \
	strtoll(SHELL("for f in %s/flow-*.sqlite; do sqlite3 -readonly -cmd '.timeout 2000' $f \"%s\"; done | " \
		      "awk '{ s += $1 } END { printf \"%%d\", s }'",                                            \
		      test_dir, sql),                                                                           \
		NULL, 10)

static inline void dir_make(void)
{
	memcpy(test_dir + sizeof(test_dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(test_dir));
}

static inline void dir_remove(void)
{
	SHELL("rm -rf %s", test_dir);
}

static inline struct weir_store *store_open(const struct weir_store_conf *extra)
{
	struct weir_store_conf conf = extra != NULL ? *extra : (struct weir_store_conf){ 0 };
	struct weir_err err = { 0 };
	struct weir_store *s;

	weir_log_level_set(WEIR_LOG_ERR);
	conf.dir = test_dir;
	s = weir_store_open(&conf, &err);
	if (s == NULL)
		printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

static inline void store_settle_close(struct weir_store *s)
{
	struct weir_err err = { 0 };

	CU_ASSERT_EQUAL(weir_store_settle(s, &err), 0);
	if (err.code != 0)
		printf("%s\n", err.msg);
	CU_ASSERT_EQUAL(weir_store_close(s, &err), 0);
}

/* Somebody holds the file being written for so long; until pclose(). */
static inline FILE *store_lock_for(double seconds)
{
	char command[256];
	FILE *other;

	snprintf(command, sizeof(command),
		 "(echo 'BEGIN EXCLUSIVE; SELECT 1;'; sleep %.1f; echo 'ROLLBACK;') | "
		 "sqlite3 %s/flow-*.sqlite",
		 seconds, test_dir);
	other = popen(command, "r");
	CU_ASSERT_EQUAL(fgetc(other), '1');
	return other;
}

/* A plain TCP record that ended at `end_ns`. */
static inline struct weir_flow_rec plain(uint64_t flow_id, uint64_t end_ns)
{
	struct weir_flow_rec r = {
		.flow_id = flow_id,
		.capture_nic = UINT64_C(4) << 60 | 1,
		.start_ns = end_ns - WEIR_NS_PER_S,
		.end_ns = end_ns,
		.flow_start_ns = end_ns - WEIR_NS_PER_S,
		.duration_ns = WEIR_NS_PER_S,
		.ip = { { .b = { 10, 0, 0, 1 } }, { .b = { 10, 0, 0, 2 } } },
		.port = { 40000, 443 },
		.eth_type = 0x0800,
		.protocol = 6,
		.close_type = WEIR_CLOSE_FINISH,
		.flags = WEIR_REC_NEW,
		.flow_count = 1,
		.packet = { 5, 7 },
		.byte = { 500, 7000 },
	};

	return r;
}

/* `n` plain records with ids from `first` on, `step_ns` apart. */
static inline void write_plain(struct weir_store *s, uint64_t first, uint32_t n, uint64_t end_ns,
			       uint64_t step_ns)
{
	struct weir_err err = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct weir_flow_rec r = plain(first + i, end_ns + i * step_ns);

		CU_ASSERT_EQUAL(weir_store_write(s, &r, 1, &err), 0);
	}
	CU_ASSERT_EQUAL(weir_store_flush(s, &err), 0);
}

static inline void check_balance(struct weir_store *s)
{
	struct weir_store_stats st;

	weir_store_stats(s, &st);
	CU_ASSERT_EQUAL(st.taken, st.stored + st.pending + st.lost);
}

#endif
