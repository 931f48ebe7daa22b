/* SPDX-License-Identifier: Apache-2.0 */
/* The kept file is written by another thread than the loop's: run by hand here, and as one. */
#include "weir_test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sync_priv.h>
#include <unistd.h>

#define PUTS 300

/* A thread that is run by hand: what it is given, and when it ends. */
static struct {
	unsigned int asked;
	void (*work)(void *);
	void (*done)(void *);
	void *arg;
} other;

static int aside(void *user, void (*work)(void *), void (*done)(void *), void *arg)
{
	(void)user;
	other.asked++;
	other.work = work;
	other.done = done;
	other.arg = arg;
	return 0;
}

static bool holds(const char *path, const char *wanted)
{
	char *text = NULL;
	size_t len = 0;
	const bool same = weir_sync_file_read(path, 100, &text, &len) == 0 &&
			  strcmp(text, wanted) == 0;

	free(text);
	return same;
}

static void put(struct weir_sync_keeper *k, const char *text)
{
	weir_sync_keeper_put(k, strdup(text), strlen(text));
}

static void test_a_file_is_kept_beside_the_loop_the_newest_of_what_waits(void)
{
	char dir[] = P_tmpdir "/weir-sync-XXXXXX", path[64];
	struct weir_sync_keeper *k;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kept", dir);
	memset(&other, 0, sizeof(other));
	k = weir_sync_keeper_open(path, aside, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	put(k, "first");
	CU_ASSERT_EQUAL(access(path, F_OK), -1); /* the caller waited for nothing */
	put(k, "second");
	put(k, "third");
	CU_ASSERT_EQUAL(other.asked, 1); /* one at a time */
	other.work(other.arg);
	CU_ASSERT_TRUE(holds(path, "third"));
	put(k, "fourth"); /* before the loop heard that it is over */
	CU_ASSERT_EQUAL(other.asked, 2);
	other.done(other.arg);
	other.work(other.arg);
	weir_sync_keeper_close(k); /* and it is heard of afterwards */
	CU_ASSERT_TRUE(holds(path, "fourth"));
	other.done(other.arg);
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void test_what_cannot_be_kept_is_said_and_known(void)
{
	struct weir_sync_keeper *k = weir_sync_keeper_open("/nowhere/kept", NULL, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	put(k, "text"); /* without anybody else it is written here */
	CU_ASSERT_TRUE(weir_sync_keeper_failed(k));
	weir_sync_keeper_close(k);
}

/* As threads: each is joined before its end is told, as a loop would hear of it. */
static struct {
	pthread_t id[PUTS];
	unsigned int n;
	void (*work)(void *);
	void (*done)(void *);
	void *arg;
} real;

static void *thread_main(void *arg)
{
	real.work(arg);
	return NULL;
}

static int aside_thread(void *user, void (*work)(void *), void (*done)(void *), void *arg)
{
	(void)user;
	real.work = work;
	real.done = done;
	real.arg = arg;
	return -pthread_create(&real.id[real.n++], NULL, thread_main, arg);
}

static void test_the_last_of_many_is_kept_whoever_was_quicker(void)
{
	char dir[] = P_tmpdir "/weir-sync-XXXXXX", path[64], text[32];
	struct weir_sync_keeper *k;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kept", dir);
	k = weir_sync_keeper_open(path, aside_thread, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(k);
	for (int i = 1; i <= PUTS; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		put(k, text);
		if (i % 3 == 0)
			usleep(100);
	}
	weir_sync_keeper_close(k);
	CU_ASSERT_TRUE(real.n >= 1);
	for (unsigned int i = 0; i < real.n; i++) {
		pthread_join(real.id[i], NULL);
		if (i + 1 == real.n)
			CU_ASSERT_TRUE(holds(path, text));
		real.done(real.arg);
	}
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a file is kept beside the loop, the newest of what waits",
		  test_a_file_is_kept_beside_the_loop_the_newest_of_what_waits },
		{ "what cannot be kept is said, and known",
		  test_what_cannot_be_kept_is_said_and_known },
		{ "the last of many is kept, whoever was quicker",
		  test_the_last_of_many_is_kept_whoever_was_quicker },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/keeper", tests);
}
