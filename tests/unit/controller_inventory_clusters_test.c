/* SPDX-License-Identifier: Apache-2.0 */
/* KubernetesAPISync by the table of control plane, 4.7: each row of it, then ages, restarts and damage. */
#include "controller_inventory_site.h"

#include <zlib.h>

enum { AGENT = 3, NOBODY = 0 };

static uint8_t room[8][256];

static struct inventory_cluster_entry entry(unsigned int i, const char *type, const char *json)
{
	uLongf n = sizeof(room[0]);

	compress2(room[i], &n, (const Bytef *)json, strlen(json), 6);
	return (struct inventory_cluster_entry){ type, room[i], n };
}

static uint64_t put(uint32_t agent, uint64_t version, const char *error,
		    const struct inventory_cluster_entry *e, size_t n)
{
	return inventory_cluster_put(inv, &(struct inventory_cluster){ .cluster_id = "d-one",
								       .error = error,
								       .source_ip = "10.0.0.3",
								       .version = version,
								       .agent_id = agent,
								       .entries = e,
								       .n_entries = n });
}

/* A whole snapshot of so many pods, and a node. */
static uint64_t whole(uint32_t agent, uint64_t version, unsigned int pods)
{
	struct inventory_cluster_entry e[8];
	char json[32];

	e[0] = entry(0, "*v1.Node", "{}");
	for (unsigned int i = 1; i <= pods; i++) {
		snprintf(json, sizeof(json), "{\"pod\":%u}", i);
		e[i] = entry(i, "*v1.Pod", json);
	}
	return put(agent, version, "", e, pods + 1);
}

static uint64_t heartbeat(uint32_t agent, uint64_t version)
{
	return put(agent, version, "", NULL, 0);
}

static char seen[256];

static void each(void *ctx, const char *type, uint32_t objects)
{
	(void)ctx;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), " %s=%u", type, objects);
}

/* "VERSION TYPE=OBJECTS ... error", or "none". */
static const char *held(void)
{
	uint64_t version, at_s;
	const char *error;
	char head[32];

	seen[0] = '\0';
	if (inventory_cluster_look(inv, "d-one", &version, &at_s, &error, each, NULL) != 0)
		return "none";
	snprintf(head, sizeof(head), "%llu", (unsigned long long)version);
	memmove(seen + strlen(head), seen, strlen(seen) + 1);
	memcpy(seen, head, strlen(head));
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s", error[0] ? " " : "",
		 error);
	return seen;
}

static void is_held(const char *wanted)
{
	world_turn();
	CU_ASSERT_STRING_EQUAL(held(), wanted);
	if (strcmp(held(), wanted) != 0)
		fprintf(stderr, "\n\"%s\" is held, not \"%s\"\n", held(), wanted);
}

static void begin(void)
{
	world_begin();
	site->domain[0] = (struct site_domain){ .id = 2, .name = "one", .cluster_id = "d-one" };
	site->domains = 1;
}

static struct inventory_counts counts(void)
{
	struct inventory_counts c;

	inventory_counts(inv, &c);
	return c;
}

static void test_version_0_and_no_cluster_are_ignored(void)
{
	const struct inventory_cluster_entry e = entry(0, "*v1.Node", "{}");

	begin();
	CU_ASSERT_EQUAL(whole(AGENT, 0, 1), 0);
	CU_ASSERT_EQUAL(inventory_cluster_put(inv, &(struct inventory_cluster){ .cluster_id = "",
										.version = 5,
										.agent_id = AGENT,
										.entries = &e,
										.n_entries = 1 }),
			0);
	CU_ASSERT_EQUAL(inventory_cluster_put(inv, &(struct inventory_cluster){ .version = 5,
										.agent_id = AGENT,
										.entries = &e,
										.n_entries = 1 }),
			0);
	is_held("none");
	world_end();
}

static void test_who_is_not_registered_is_stored_and_not_answered(void)
{
	begin();
	CU_ASSERT_EQUAL(heartbeat(NOBODY, 5), 0);
	is_held("none");
	CU_ASSERT_EQUAL(whole(NOBODY, 5, 2), 0);
	is_held("5 *v1.Node=1 *v1.Pod=2");
	CU_ASSERT_EQUAL(heartbeat(NOBODY, 6), 0);
	CU_ASSERT_EQUAL(whole(NOBODY, 6, 1), 0);
	is_held("6 *v1.Node=1 *v1.Pod=1");
	world_end();
}

static void test_another_version_without_entries_is_answered_by_the_one_that_is_stored(void)
{
	begin();
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 0);
	CU_ASSERT_EQUAL(whole(AGENT, 5, 2), 5);
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 5);
	CU_ASSERT_EQUAL(heartbeat(AGENT, 6), 5);
	is_held("5 *v1.Node=1 *v1.Pod=2");
	world_end();
}

static void test_a_new_version_takes_the_place_of_all_that_was_there(void)
{
	const struct inventory_cluster_entry pod = entry(0, "*v1.Pod", "{}");

	begin();
	whole(AGENT, 5, 3);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	CU_ASSERT_STRING_EQUAL(site->synced, "d-one");
	CU_ASSERT_EQUAL(put(AGENT, 6, "", &pod, 1), 6);
	is_held("6 *v1.Pod=1"); /* the node is gone */
	world_end();
}

static void test_the_same_version_changes_the_error_only(void)
{
	const struct inventory_cluster_entry pod = entry(0, "*v1.Pod", "{}");

	begin();
	whole(AGENT, 5, 3);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	CU_ASSERT_EQUAL(put(AGENT, 5, "v1/pods watcher is not ready", &pod, 1), 5);
	is_held("5 *v1.Node=1 *v1.Pod=3 v1/pods watcher is not ready");
	CU_ASSERT_STRING_EQUAL(site->synced, "d-one v1/pods watcher is not ready");
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 5);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	CU_ASSERT_STRING_EQUAL(site->synced, "d-one");
	world_end();
}

static void test_a_damaged_snapshot_is_dropped_and_its_error_stays(void)
{
	struct inventory_cluster_entry e[] = { entry(0, "*v1.Node", "{}"),
					       entry(1, "*v1.Pod", "{\"a\":\"bcdefgh\"}") };

	begin();
	whole(AGENT, 5, 3);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	room[1][e[1].n - 2] ^= 1; /* its checksum */
	CU_ASSERT_EQUAL(put(AGENT, 6, "", e, 2), 6);
	is_held("5 *v1.Node=1 *v1.Pod=3 an object of type *v1.Pod is damaged: the snapshot is dropped");
	CU_ASSERT_EQUAL(counts().snapshots_refused, 1);
	CU_ASSERT_STRING_EQUAL(
		site->synced,
		"d-one an object of type *v1.Pod is damaged: the snapshot is dropped");
	CU_ASSERT_EQUAL(heartbeat(AGENT, 6), 6);
	is_held("5 *v1.Node=1 *v1.Pod=3 an object of type *v1.Pod is damaged: the snapshot is dropped");
	whole(AGENT, 7, 1);
	is_held("7 *v1.Node=1 *v1.Pod=1");
	world_end();
}

static void test_a_restart_keeps_versions_errors_and_objects(void)
{
	begin();
	whole(AGENT, 5, 3);
	world_turn();
	put(AGENT, 5, "an error with \"quotes\"\nand more", NULL, 0);
	world_stop();
	world_start();
	is_held("5 *v1.Node=1 *v1.Pod=3 an error with \"quotes\"\nand more");
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 5); /* so nobody sends all of it anew */
	whole(AGENT, 6, 1);
	world_turn();
	world_stop();
	world_start();
	is_held("6 *v1.Node=1 *v1.Pod=1");
	world_end();
}

static void test_a_snapshot_that_was_not_checked_before_the_end_is_asked_for_again(void)
{
	begin();
	whole(AGENT, 5, 3);
	world_turn();
	CU_ASSERT_EQUAL(whole(AGENT, 6, 1), 6);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL(heartbeat(AGENT, 6), 5);
	whole(AGENT, 6, 1);
	is_held("6 *v1.Node=1 *v1.Pod=1");
	world_end();
}

static void sql(const char *text)
{
	char command[512];

	snprintf(command, sizeof(command), "sqlite3 %s/state \"%s\"", dir, text);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void test_after_a_day_of_silence_the_whole_is_asked_for(void)
{
	begin();
	whole(AGENT, 5, 3);
	world_turn();
	world_stop();
	sql("UPDATE inventory_cluster SET at_s = at_s - 86500");
	world_start();
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 0);
	CU_ASSERT_EQUAL(whole(AGENT, 5, 3), 5);
	CU_ASSERT_EQUAL(heartbeat(AGENT, 5), 5);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	world_end();
}

static void test_what_is_stored_is_what_came(void)
{
	const struct inventory_cluster_entry pod = entry(0, "*v1.Pod", "{\"name\":\"a\"}");
	char text[256], wanted[256];
	size_t n = 0;
	FILE *f;

	begin();
	put(AGENT, 5, "", &pod, 1);
	world_turn();
	snprintf(text, sizeof(text),
		 "sqlite3 %s/state 'SELECT hex(entries) FROM inventory_objects'", dir);
	f = popen(text, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(text, sizeof(text), f));
	pclose(f);
	n += (size_t)sprintf(wanted, "%02X000000", (unsigned int)pod.n);
	for (size_t i = 0; i < pod.n; i++)
		n += (size_t)sprintf(wanted + n, "%02X", pod.zipped[i]);
	sprintf(wanted + n, "\n");
	CU_ASSERT_STRING_EQUAL(text, wanted);
	world_end();
}

static void test_a_cluster_leaves_with_its_domain(void)
{
	begin();
	whole(AGENT, 5, 3);
	is_held("5 *v1.Node=1 *v1.Pod=3");
	site->domains = 0;
	site->watch.networks(site->watch.ctx);
	is_held("none");
	world_stop();
	world_start();
	is_held("none");
	world_end();
}

static void test_clusters_that_no_domain_has_are_few(void)
{
	const struct inventory_cluster_entry e = entry(0, "*v1.Node", "{}");
	struct inventory_cluster c = {
		.version = 5, .agent_id = AGENT, .entries = &e, .n_entries = 1
	};
	char id[100];

	begin();
	c.cluster_id = id;
	for (int i = 0; i < 17; i++) {
		snprintf(id, sizeof(id), "d-%d", i);
		CU_ASSERT_EQUAL(inventory_cluster_put(inv, &c), i < 16 ? 5 : 0);
	}
	CU_ASSERT_EQUAL(counts().snapshots_refused, 1);
	CU_ASSERT_EQUAL(whole(AGENT, 5, 1), 5); /* those of a domain are not hurt */
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	CU_ASSERT_EQUAL(inventory_cluster_put(inv, &c), 0);
	world_end();
}

static void test_a_newer_snapshot_replaces_one_that_waits(void)
{
	begin();
	CU_ASSERT_EQUAL(whole(AGENT, 5, 3), 5);
	CU_ASSERT_EQUAL(whole(AGENT, 6, 1), 6);
	is_held("6 *v1.Node=1 *v1.Pod=1");
	CU_ASSERT_EQUAL(counts().snapshots, 1);
	world_end();
}

static void test_an_error_before_there_is_anything_is_told_of_the_domain(void)
{
	begin();
	CU_ASSERT_EQUAL(put(AGENT, 5, "no API server", NULL, 0), 0);
	CU_ASSERT_STRING_EQUAL(site->synced, "d-one no API server");
	is_held("none");
	world_end();
}

static void test_a_long_error_is_cut_between_characters(void)
{
	char error[1200], wanted[600];

	begin();
	whole(AGENT, 5, 1);
	world_turn();
	for (size_t i = 0; i + 2 < sizeof(error); i += 2)
		memcpy(error + i, "\xc3\xa9", 3);
	put(AGENT, 5, error, NULL, 0);
	memcpy(wanted, site->synced, sizeof(site->synced));
	CU_ASSERT_EQUAL(strncmp(wanted, "d-one \xc3\xa9\xc3\xa9", 10), 0);
	world_stop();
	world_start();
	CU_ASSERT_EQUAL((strlen(held()) - strlen("5 *v1.Node=1 *v1.Pod=1 ")) % 2, 0);
	world_end();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "version 0 and no cluster are ignored",
		  test_version_0_and_no_cluster_are_ignored },
		{ "who is not registered is stored and not answered",
		  test_who_is_not_registered_is_stored_and_not_answered },
		{ "another version without entries is answered by the one that is stored",
		  test_another_version_without_entries_is_answered_by_the_one_that_is_stored },
		{ "a new version takes the place of all that was there",
		  test_a_new_version_takes_the_place_of_all_that_was_there },
		{ "the same version changes the error only",
		  test_the_same_version_changes_the_error_only },
		{ "a damaged snapshot is dropped and its error stays",
		  test_a_damaged_snapshot_is_dropped_and_its_error_stays },
		{ "a restart keeps versions errors and objects",
		  test_a_restart_keeps_versions_errors_and_objects },
		{ "a snapshot that was not checked before the end is asked for again",
		  test_a_snapshot_that_was_not_checked_before_the_end_is_asked_for_again },
		{ "after a day of silence the whole is asked for",
		  test_after_a_day_of_silence_the_whole_is_asked_for },
		{ "what is stored is what came", test_what_is_stored_is_what_came },
		{ "a cluster leaves with its domain", test_a_cluster_leaves_with_its_domain },
		{ "clusters that no domain has are few", test_clusters_that_no_domain_has_are_few },
		{ "a newer snapshot replaces one that waits",
		  test_a_newer_snapshot_replaces_one_that_waits },
		{ "an error before there is anything is told of the domain",
		  test_an_error_before_there_is_anything_is_told_of_the_domain },
		{ "a long error is cut between characters",
		  test_a_long_error_is_cut_between_characters },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/inventory/clusters", tests);
}
