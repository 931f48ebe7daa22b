/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGKILL in the midst of changes, again and again on one state ($WEIR_KILLS times, else 20): what was acknowledged is
 * there, and what is there has its one line in the audit log. What ought to be there is worked out from that log alone,
 * by sqlite3.
 */
#include "controller_site_test.h"

#include <fcntl.h>
#include <sys/wait.h>

#define ALIVE_MS_MAX 60

/* What the log says that there is, and there is not, or the other way round; the numbers are all 0. */
static const char half_done[] =
	"PRAGMA integrity_check;"
	"WITH said AS (SELECT object AS name FROM audit WHERE what LIKE 'agent-group %'"
	"  GROUP BY object HAVING sum(iif(what = 'agent-group create', 1, -1)) = 1),"
	" is_there AS (SELECT name FROM agent_group WHERE id > 1)"
	" SELECT (SELECT count(*) FROM (SELECT * FROM said EXCEPT SELECT * FROM is_there)),"
	"  (SELECT count(*) FROM (SELECT * FROM is_there EXCEPT SELECT * FROM said));"
	"WITH said AS (SELECT object AS name FROM audit WHERE what LIKE 'token %'"
	"  GROUP BY object HAVING sum(iif(what = 'token create', 1, -1)) = 1)"
	" SELECT (SELECT count(*) FROM (SELECT * FROM said EXCEPT SELECT name FROM token)),"
	"  (SELECT count(*) FROM (SELECT name FROM token EXCEPT SELECT * FROM said));"
	"SELECT count(*) FROM agent_group g WHERE versions <> (SELECT count(*) FROM config"
	"  WHERE agent_group = g.id) OR versions <> (SELECT count(*) FROM audit"
	"  WHERE object = g.name AND what LIKE 'agent-group-config %') OR config <> versions;"
	"SELECT count(*) FROM config WHERE agent_group NOT IN (SELECT id FROM agent_group);"
	"SELECT count(*) FROM agent WHERE agent_group NOT IN (SELECT id FROM agent_group)"
	"  OR id NOT IN (SELECT agent FROM agent_synced);";

static unsigned int seed;

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static const struct site_group *any_group(void)
{
	const struct site_group *g = site_group_next(site, site_group_default(site));

	for (unsigned int i = random_below(8); i > 0 && g != NULL; i--)
		g = site_group_next(site, g) != NULL ? site_group_next(site, g) : g;
	return g;
}

static int set_config(const struct site_group *g)
{
	static struct weir_err_list errs;
	char text[64];
	struct site_config_change c = { .text = text };

	c.len = (size_t)snprintf(text, sizeof(text), "tap_interface_regex: eth%u\n",
				 random_below(99));
	return site_config_set(site, &by_test, g, &c, &errs, &site_err);
}

/* One change, of any kind: what it is in the audit log, once it is acknowledged. */
static const char *change(unsigned int n)
{
	static char line[256];
	const struct site_group *g = any_group();
	const struct site_token *t = site_token_next(site, NULL);
	char name[64], secret[64];
	int rc;

	snprintf(name, sizeof(name), "%d-%u", (int)getpid(), n);
	switch (g != NULL && t != NULL ? random_below(6) : n % 2) {
	case 0:
		snprintf(line, sizeof(line), "agent-group create|%s\n", name);
		rc = site_group_create(site, &by_test, name, NULL, NULL, &site_err);
		break;
	case 1:
		snprintf(line, sizeof(line), "token create|%s\n", name);
		rc = site_token_create(site, &by_test, name, SITE_READ, 0, secret, &site_err);
		break;
	case 2:
		snprintf(line, sizeof(line), "token delete|%s\n", t->name);
		rc = site_token_delete(site, &by_test, t->name, &site_err);
		break;
	case 3:
		snprintf(line, sizeof(line), "agent-group delete|%s\n", g->name);
		rc = site_group_delete(site, &by_test, g, &site_err);
		break;
	default:
		snprintf(line, sizeof(line), "agent-group-config %s|%s\n",
			 g->config != NULL ? "update" : "create", g->name);
		rc = set_config(g);
	}
	return rc == 0 ? line : NULL;
}

/* The one that is killed: it says each change on `out` when it is acknowledged. */
static void live(int out)
{
	struct site_seen seen;

	seed ^= (unsigned int)getpid();
	if (site_try() == NULL)
		_exit(1);
	for (unsigned int n = 0;; n++) {
		const char *line = change(n);

		if (line == NULL || write(out, line, strlen(line)) != (ssize_t)strlen(line))
			_exit(1);
		site_agent_seen(site, &site_caller(random_below(50))->hello, false, &seen, NULL);
		site_turn();
	}
}

/* What was acknowledged until it was killed. */
static char *live_and_die(void)
{
	char *said = calloc(1, 1 << 20);
	size_t used = 0;
	int ends[2], status = 0;
	pid_t child;
	ssize_t n;

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		live(ends[1]);
	close(ends[1]);
	n = read(ends[0], said, 1 << 19); /* it has begun */
	used += n > 0 ? (size_t)n : 0;
	usleep(random_below(ALIVE_MS_MAX * 1000));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CU_ASSERT(WIFSIGNALED(status)); /* and no mistake of its own */
	while ((n = read(ends[0], said + used, (1 << 20) - 1 - used)) > 0)
		used += (size_t)n;
	close(ends[0]);
	return said;
}

static unsigned int lines_of(const char *text)
{
	unsigned int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void test_what_was_acknowledged_is_there_and_nothing_by_half(void)
{
	const char *times = getenv("WEIR_KILLS");
	const unsigned int kills = times != NULL ? (unsigned int)atoi(times) : 20;
	unsigned int base = 0, acknowledged = 0, more = 0;
	char sql[256];

	seed = (unsigned int)weir_random_u64();
	printf("seed %u, ", seed);
	site_begin();
	site_close(site);
	site = NULL;
	for (unsigned int i = 0; i < kills; i++) {
		char *said = live_and_die();
		const unsigned int n = lines_of(said);
		const char *log;

		CU_ASSERT_STRING_EQUAL(site_sql_says(half_done), "ok\n0|0\n0|0\n0\n0\n0\n");
		snprintf(sql, sizeof(sql),
			 "SELECT what, object FROM audit WHERE id > %u ORDER BY id", base);
		log = site_sql_says(sql);
		CU_ASSERT_EQUAL(strncmp(log, said, strlen(said)), 0);
		CU_ASSERT(lines_of(log) - n <=
			  1); /* committed, and killed before it could say so */
		base += lines_of(log);
		acknowledged += n;
		more += lines_of(log) - n;
		free(said);
	}
	printf("%u kills, %u changes acknowledged and there, %u more there ", kills, acknowledged,
	       more);
	CU_ASSERT(acknowledged > kills);
	CU_ASSERT_PTR_NOT_NULL(site_try());
	site_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "what was acknowledged is there, and nothing by half",
		  test_what_was_acknowledged_is_there_and_nothing_by_half },
		CU_TEST_INFO_NULL,
	};

	weir_log_level_set(WEIR_LOG_ERR);
	return weir_test_main("controller/site/kill", tests);
}
