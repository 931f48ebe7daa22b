/* SPDX-License-Identifier: Apache-2.0 */
/* The database is locked, full, read-only, newer, somebody else's: nothing is half done, and it works again after. */
#include "controller_site_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static int create(const char *name)
{
	site_err.code = 0;
	return site_group_create(site, &by_test, name, NULL, NULL, &site_err);
}

static const char *is_there(const char *file)
{
	return site_shell("test -e %s/%s && echo yes", file);
}

/* Another process holds the database until what is returned is closed. */
static FILE *lock_by_other(void)
{
	char command[256];
	FILE *p;

	snprintf(command, sizeof(command), "sqlite3 %s/controller.sqlite", site_dir);
	p = popen(command, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	fprintf(p, "BEGIN IMMEDIATE;\n.shell touch %s/locked\n", site_dir);
	fflush(p);
	for (unsigned int i = 0; i < 1000 && is_there("locked")[0] == '\0'; i++)
		usleep(10000);
	return p;
}

static const struct site_agent *says(unsigned int n, const char *kernel)
{
	struct site_caller *c = site_caller(n);

	c->hello.facts.kernel = kernel;
	return site_sync(c).agent;
}

static uint64_t count_errors(void)
{
	struct site_counts counts;

	site_counts(site, &counts);
	return counts.database_errors;
}

static uint64_t errors_before;

static bool write_back_has_failed(void)
{
	return count_errors() > errors_before;
}

static bool is_kept(void)
{
	return strcmp(site_sql_says("SELECT kernel FROM agent"), "two\n") == 0;
}

static void test_a_locked_database_is_busy_and_nothing_is_lost(void)
{
	struct site_seen seen;
	FILE *other;

	site_begin();
	says(1, "one");
	other = lock_by_other();
	CU_ASSERT_EQUAL(create("g"), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(site_err.msg, "controller.sqlite"));
	CU_ASSERT_PTR_NULL(site_group_named(site, "g"));
	CU_ASSERT_EQUAL(site_agent_seen(site, &site_caller(2)->hello, false, &seen, &site_err),
			-EBUSY);
	CU_ASSERT_PTR_NULL(site_agent_of(site, 2));
	says(1, "two"); /* needs no database */
	CU_ASSERT_STRING_EQUAL(site_agent_of(site, 1)->facts.kernel, "two");
	errors_before = count_errors();
	site_wait(write_back_has_failed);
	CU_ASSERT(write_back_has_failed());
	pclose(other);

	CU_ASSERT_EQUAL(create("g"), 0);
	CU_ASSERT_PTR_NOT_NULL(site_registered(2));
	CU_ASSERT_EQUAL(site_agent_delete(site, &by_test, site_agent_of(site, 2), &site_err), 0);
	site_wait(is_kept);
	CU_ASSERT(is_kept());
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT count(*) FROM audit"), "2\n");
	site_end();
}

/* A disk of our own, below the state: true when this machine lets us. */
static bool mount_disk(const char *options)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("weir-site", site_dir, "tmpfs", 0, options) == 0;
}

static void test_a_full_disk_refuses_a_change_whole_and_takes_the_next(void)
{
	static const struct site_options none = { 0 };
	unsigned int made = 0;
	char name[32];
	int rc;

	memcpy(site_dir + sizeof(site_dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(site_dir));
	if (!mount_disk("size=1m")) {
		printf("skipped: no file system can be mounted here\n");
		rmdir(site_dir);
		return;
	}
	site_base = event_base_new();
	site_options = none;
	site_options.base = site_base;
	site_options.dir = site_dir;
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	site_shell("head -c 400000 /dev/zero > %s/ballast%s", "");
	do {
		snprintf(name, sizeof(name), "group-%u", made);
		rc = create(name);
	} while (rc == 0 && ++made < 10000);
	CU_ASSERT_EQUAL(rc, -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(site_err.msg, "full"));
	CU_ASSERT_PTR_NULL(site_group_named(site, name));
	CU_ASSERT_EQUAL(create(name), -ENOSPC);
	site_shell("rm %s/ballast%s", "");
	CU_ASSERT_EQUAL(create(name), 0);
	site_again();
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, name));
	CU_ASSERT_STRING_EQUAL(site_sql_says("PRAGMA integrity_check"), "ok\n");
	CU_ASSERT_STRING_EQUAL(site_sql_says("SELECT (SELECT count(*) FROM audit) - (SELECT "
					     "count(*) FROM agent_group WHERE id > 1)"),
			       "0\n");
	site_close(site);
	site = NULL;

	/* And one that can only be read. */
	CU_ASSERT_EQUAL(mount(NULL, site_dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CU_ASSERT_PTR_NULL(site_try());
	CU_ASSERT_EQUAL(site_err.code, EROFS);
	CU_ASSERT_EQUAL(umount2(site_dir, MNT_DETACH), 0);
	event_base_free(site_base);
	rmdir(site_dir);
}

static void test_two_controllers_cannot_have_one_state(void)
{
	struct site *first;
	char pid[32];

	site_begin();
	first = site;
	CU_ASSERT_PTR_NULL(site_try());
	CU_ASSERT_EQUAL(site_err.code, EBUSY);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(site_err.msg, pid));
	site = first;
	CU_ASSERT_EQUAL(create("g"), 0);
	site_end();
}

static void refused(int code, const char *says_so)
{
	char before[64];

	snprintf(before, sizeof(before), "%.60s", site_shell("cat %s/controller*%s | md5sum", ""));
	CU_ASSERT_PTR_NULL(site_try());
	CU_ASSERT_EQUAL(site_err.code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(site_err.msg, says_so));
	CU_ASSERT_EQUAL(strncmp(before, site_shell("cat %s/controller*%s | md5sum", ""), 32), 0);
}

static void test_a_newer_or_foreign_or_damaged_state_is_not_touched(void)
{
	site_begin();
	create("g");
	site_close(site);
	site_sql_says("PRAGMA user_version = 99");
	refused(ENOTSUP, "newer weir");
	site_sql_says("PRAGMA application_id = 7");
	refused(EBADMSG, "not the state of a weir controller");
	site_shell("echo this is a letter > %s/controller.sqlite%s", "");
	refused(EBADMSG, "no SQLite file");
	site_end();
}

static void test_what_was_acknowledged_survives_a_kill(void)
{
	pid_t child;
	int status;

	site_begin();
	site_close(site);
	child = fork();
	if (child == 0) {
		struct site_caller *c = site_caller(1);
		struct site_seen seen;

		if (site_try() != NULL && create("kept") == 0 &&
		    site_agent_seen(site, &c->hello, false, &seen, &site_err) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFSIGNALED(status));
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, "kept"));
	CU_ASSERT_PTR_NOT_NULL(site_agent_of(site, 1));
	site_end();
}

/* ------------------------------------------------------------------ backup and restore */

static char *backup_path(void)
{
	static char path[sizeof(site_dir) + 16];

	snprintf(path, sizeof(path), "%s/backup", site_dir);
	return path;
}

static void test_a_backup_is_made_in_use_and_brings_the_state_back(void)
{
	site_begin();
	create("before");
	says(1, "one");
	says(1, "two"); /* not written back yet */
	CU_ASSERT_EQUAL(site_backup(site, &by_test, backup_path(), &site_err), 0);
	CU_ASSERT_EQUAL(site_backup(site, &by_test, backup_path(), &site_err), -EEXIST);
	CU_ASSERT_STRING_EQUAL(site_shell("stat -c %%a %s/backup%s", ""), "600\n");
	create("after");
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), -EBUSY);
	site_close(site);
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), false, &site_err), -EEXIST);
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, "before"));
	CU_ASSERT_PTR_NULL(site_group_named(site, "after"));
	CU_ASSERT_STRING_EQUAL(site_agent_of(site, 1)->facts.kernel, "two");
	CU_ASSERT_STRING_EQUAL(site_shell("sqlite3 %s/controller.sqlite.before-* 'SELECT name FROM "
					  "agent_group WHERE id > 1'%s",
					  ""),
			       "before\nafter\n");
	site_end();
}

static void test_a_state_is_restored_where_there_was_none(void)
{
	site_begin();
	create("g");
	CU_ASSERT_EQUAL(site_backup(site, &by_test, backup_path(), &site_err), 0);
	site_close(site);
	site_shell("rm %s/controller.sqlite*%s", "");
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), false, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, "g"));
	site_end();
}

static void test_a_backup_that_is_none_or_damaged_is_not_restored(void)
{
	site_begin();
	for (unsigned int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof(name), "g%u", i);
		create(name);
	}
	CU_ASSERT_EQUAL(site_backup(site, &by_test, backup_path(), &site_err), 0);
	site_close(site);
	site_shell("cp %s/backup %s/good", site_dir);
	site_shell("dd if=/dev/urandom of=%s/backup bs=4096 seek=3 count=4 conv=notrunc "
		   "2>/dev/null%s",
		   "");
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), -EBADMSG);
	site_shell("head -c 9000 %s/good > %s/backup", site_dir);
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), -EBADMSG);
	site_shell("cp %1$s/good %2$s/backup; sqlite3 %2$s/backup 'PRAGMA user_version = 99'",
		   site_dir);
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), -ENOTSUP);
	site_shell("cp %s/lock %s/backup", site_dir);
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), -EBADMSG);
	CU_ASSERT_EQUAL(site_restore(site_dir, "/nowhere/backup", true, &site_err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(site_shell("ls %s | grep -c 'before\\|restored'%s", ""), "0\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, "g199"));
	site_end();
}

static void test_a_damaged_state_is_kept_aside_for_a_backup(void)
{
	site_begin();
	create("g");
	CU_ASSERT_EQUAL(site_backup(site, &by_test, backup_path(), &site_err), 0);
	site_close(site);
	site_shell("head -c 5000 /dev/urandom > %s/controller.sqlite%s", "");
	CU_ASSERT_EQUAL(site_restore(site_dir, backup_path(), true, &site_err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
	CU_ASSERT_PTR_NOT_NULL(site_group_named(site, "g"));
	CU_ASSERT_STRING_EQUAL(site_shell("stat -c %%s %s/*.before-*%s", ""), "5000\n");
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a locked database is busy, and nothing is lost",
		  test_a_locked_database_is_busy_and_nothing_is_lost },
		{ "two controllers cannot have one state",
		  test_two_controllers_cannot_have_one_state },
		{ "a newer or foreign or damaged state is not touched",
		  test_a_newer_or_foreign_or_damaged_state_is_not_touched },
		{ "what was acknowledged survives a kill",
		  test_what_was_acknowledged_survives_a_kill },
		{ "a backup is made in use, and brings the state back",
		  test_a_backup_is_made_in_use_and_brings_the_state_back },
		{ "a state is restored where there was none",
		  test_a_state_is_restored_where_there_was_none },
		{ "a backup that is none, or damaged, is not restored",
		  test_a_backup_that_is_none_or_damaged_is_not_restored },
		{ "a damaged state is kept aside for a backup",
		  test_a_damaged_state_is_kept_aside_for_a_backup },
		{ "a full disk refuses a change whole, and takes the next",
		  test_a_full_disk_refuses_a_change_whole_and_takes_the_next },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/site/trouble", tests);
}
