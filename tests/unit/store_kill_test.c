/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child writes, and is killed at a random moment, again and again, in one directory. It says
 * through a pipe how many of its records are committed. Files are short, so that it is also killed
 * while it begins, ends and indexes them. The sqlite3 program says what is there.
 * WEIR_KILL_ROUNDS in the environment: how often, 100.
 */
#include "store_test.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS_MAX 1000
#define ROUND_IDS  10000000 /* ids of a round begin at its multiple */
#define WITHIN_NS  (2 * WEIR_NS_PER_S)
#define FILE_ROWS  10000
#define BATCH      64
#define ALIVE_US   120000
#define RECORD_GAP 1000000 /* ns: an hour is 3.6 M records, so rows end a file */

static const struct weir_store_conf conf = { .dir = test_dir,
					     .file_rows = FILE_ROWS,
					     .txn_rows = 500 };

static void child(int round, int out)
{
	struct weir_store *s = weir_store_open(&conf, NULL);
	uint64_t id = (uint64_t)round * ROUND_IDS;
	struct weir_store_stats st;

	if (s == NULL)
		_exit(1);
	for (;;) {
		struct weir_flow_rec recs[BATCH];

		for (int i = 0; i < BATCH; i++, id++)
			recs[i] = plain(id, FIRST_NS + (id % ROUND_IDS) * RECORD_GAP);
		if (weir_store_write(s, recs, BATCH, NULL) != 0 ||
		    (id % 1024 == 0 && weir_store_flush(s, NULL) != 0))
			_exit(1);
		weir_store_stats(s, &st);
		if (write(out, &st.stored, sizeof(st.stored)) != sizeof(st.stored))
			_exit(1);
	}
}

/* The last number the child could say. */
static uint64_t read_last(int in)
{
	uint64_t v, last = 0;

	while (read(in, &v, sizeof(v)) == sizeof(v))
		last = v;
	return last;
}

static uint64_t run_and_kill(int round, unsigned int *seed)
{
	uint64_t stored;
	int p[2], status;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(p), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		weir_log_level_set(WEIR_LOG_ERR);
		child(round, p[1]);
	}
	close(p[1]);
	if (round % 2 == 0) { /* by the clock; else right after it said something */
		usleep((useconds_t)(rand_r(seed) % ALIVE_US));
		kill(pid, SIGKILL);
		stored = read_last(p[0]);
	} else {
		uint64_t v, n = (uint64_t)(rand_r(seed) % 400);

		stored = 0;
		while (n-- > 0 && read(p[0], &v, sizeof(v)) == sizeof(v))
			stored = v;
		kill(pid, SIGKILL);
		v = read_last(p[0]);
		stored = v > stored ? v : stored;
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFSIGNALED(status));
	close(p[0]);
	return stored;
}

/* All that was committed is there, once; and of what was not said any more, only whole records in a row. */
static void check_round(int round, uint64_t stored, const char *line)
{
	unsigned long long r, n, distinct, low, high;

	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_EQUAL_FATAL(sscanf(line, "%llu %llu %llu %llu %llu", &r, &n, &distinct, &low,
				     &high),
			      5);
	CU_ASSERT_EQUAL(r, (unsigned long long)round);
	CU_ASSERT_EQUAL(n, distinct);
	CU_ASSERT_TRUE(n >= stored);
	if (n == 0)
		return;
	CU_ASSERT_EQUAL(low, (unsigned long long)round * ROUND_IDS);
	CU_ASSERT_EQUAL(high - low + 1, n); /* no gaps */
}

/* What sqlite3 finds of rounds `first` to `last`: a line each with their number, records, those that differ, least and largest id. */
static void check_rounds(int first, int last, const uint64_t *stored)
{
	const char *line = SHELL(
		"for f in %s/flow-*.sqlite; do sqlite3 -cmd '.timeout 2000' $f 'SELECT flow_id "
		"FROM flow_row WHERE flow_id / %d BETWEEN %d AND %d'; done | sort -n | "
		"awk -v ids=%d '{ r = int($1 / ids); n[r]++; d[r] += !($1 in seen); seen[$1] = 1; "
		"if (!(r in lo)) lo[r] = $1; hi[r] = $1 } "
		"END { for (r = %d; r <= %d; r++) print r, n[r] + 0, d[r] + 0, lo[r] + 0, hi[r] + 0 }'",
		test_dir, ROUND_IDS, first, last, ROUND_IDS, first, last);

	for (int round = first; round <= last; round++) {
		check_round(round, stored[round], line);
		line = line != NULL && strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL;
	}
}

static int rounds_wanted(void)
{
	const char *text = getenv("WEIR_KILL_ROUNDS");
	long n = text != NULL ? strtol(text, NULL, 10) : 100;

	return n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : (int)n;
}

static void test_nothing_committed_is_missing_after_kill_9(void)
{
	static uint64_t stored[ROUNDS_MAX];
	const int rounds = rounds_wanted();
	uint64_t all = 0, slowest_ns = 0;
	struct weir_err err = { 0 };
	struct weir_store_stats st;
	unsigned int seed = 11;
	struct weir_store *s;

	dir_make();
	weir_log_level_set(WEIR_LOG_ERR);
	for (int round = 0; round < rounds; round++) {
		uint64_t began_ns;

		stored[round] = run_and_kill(round, &seed);
		all += stored[round];
		began_ns = weir_clock_mono_ns();
		s = weir_store_open(&conf, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		slowest_ns = weir_max_u64(slowest_ns, weir_clock_mono_ns() - began_ns);
		weir_store_stats(s, &st);
		CU_ASSERT_EQUAL(st.bad, 0);
		CU_ASSERT_EQUAL(weir_store_close(s, &err), 0);
		if (round % 10 == 0)
			check_rounds(round, round, stored);
	}
	s = store_open(&conf);
	store_settle_close(s);
	check_rounds(0, rounds - 1, stored);
	CU_ASSERT_TRUE(slowest_ns < WITHIN_NS);
	CU_ASSERT_STRING_EQUAL(
		SHELL("for f in %s/flow-*.sqlite; do sqlite3 $f 'PRAGMA journal_mode; "
		      "PRAGMA integrity_check; SELECT (SELECT rows FROM file) - (SELECT count(*) FROM flow_row)'; done | "
		      "sort -u | tr '\\n' ' '",
		      test_dir),
		"0 delete ok ");
	printf("%d kills, %llu records committed, %s files, slowest opening %.3f s ", rounds,
	       (unsigned long long)all, SHELL("ls %s/flow-* | wc -l", test_dir),
	       (double)slowest_ns / 1e9);
	CU_ASSERT_TRUE(all > 0);
	dir_remove();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "nothing committed is missing after kill -9, and nothing is there twice",
		  test_nothing_committed_is_missing_after_kill_9 },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("store/kill", tests);
}
