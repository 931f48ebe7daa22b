/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every capture kept beside the tree, against what other tools say of it: packets, captured and wire
 * bytes, and whether it is damaged.
 */
#include "captures_test.h"
#include "weir_test.h"

#include <weir_source_pcap.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct facts {
	uint64_t packets, cap, wire;
	bool ok;
};

/* Where the facts' reader is not what a reader has to do. */
static const struct {
	const char *name;
	struct facts facts;
} departures[] = {
	/* A packet captured longer than it was: raised, so that no frame is longer than its packet. */
	{ "tcpdump/rsvp-rsvp_obj_print-oobr.pcap", { 3, 141, 262144 + 47 + 54, true } },
	{ "tcpdump/slip-compressed_sl_print-oobr.pcap", { 1, 255, 255, true } },
	/* Snap length 315, padded to 316: tshark says 314 + 315 + 314 + 315 too. */
	{ "gopacket/tests__be__test012.pcapng", { 4, 1258, 1312, true } },
	{ "gopacket/tests__le__test012.pcapng", { 4, 1258, 1312, true } },
	/* The second of three sections has version 2: pcapng, 4.1: it is to be left out. */
	{ "gopacket/tests__be__test901.pcapng", { 2, 628, 628, false } },
	{ "gopacket/tests__le__test901.pcapng", { 2, 628, 628, false } },
	/* Version 0.1: left out; libpcap and tshark refuse it. */
	{ "libpcap/pcapng-invalid-vers-1.pcapng", { 0, 0, 0, false } },
	/* Version 2.0: the lengths of a record stand the other way round; so say libpcap and tshark. */
	{ "ndpi/fuzz-2021-10-13.pcap", { 1, 197, 524501, false } },
};

static uint64_t number(const char *json, const char *key)
{
	const char *p = strstr(json, key);

	return p != NULL ? strtoull(p + strlen(key) + 1, NULL, 10) : UINT64_MAX;
}

static bool facts_read(const char *name, struct facts *f)
{
	char path[4096], json[1024];
	const char *reader;
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s.facts.json", root, name);
	in = fopen(path, "r");
	if (in == NULL)
		return false;
	n = fread(json, 1, sizeof(json) - 1, in);
	fclose(in);
	json[n] = '\0';
	reader = strstr(json, "\"reader\":");
	if (reader == NULL)
		return false;
	f->packets = number(reader, "\"packets\"");
	f->cap = number(reader, "\"cap\"");
	f->wire = number(reader, "\"wire\"");
	reader = strstr(reader, "\"state\"");
	f->ok = reader != NULL && strstr(reader, "\"ok\"") != NULL;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(departures); i++) {
		if (strcmp(name, departures[i].name) == 0)
			*f = departures[i].facts;
	}
	return true;
}

/* Read all; the sums of it. */
static bool run(const char *const *paths, size_t n_paths, struct facts *got, struct weir_err *err)
{
	struct weir_pcap_options o = { .paths = paths, .n_paths = n_paths, .loop = 1 };
	struct weir_source *src = weir_source_pcap_create(&o, err);
	struct weir_frame frames[WEIR_BURST_MAX];
	uint16_t n;

	*got = (struct facts){ 0 };
	if (src == NULL || src->ops->open(src, err) != 0 || src->ops->start(src, err) != 0) {
		if (src != NULL)
			src->ops->close(src);
		return false;
	}
	while (!atomic_load(&src->ended)) {
		n = src->ops->rx(src, 0, frames, WEIR_BURST_MAX);
		for (uint16_t i = 0; i < n; i++) {
			got->packets++;
			got->cap += frames[i].caplen;
			got->wire += frames[i].wirelen;
		}
		src->ops->done(src, frames, n);
	}
	*err = src->fault;
	got->ok = src->fault.code == 0 && atomic_load(&src->bytes_done) == src->bytes_total;
	src->ops->stop(src);
	src->ops->close(src);
	return true;
}

static void test_each_capture_gives_what_its_facts_say(void)
{
	for (size_t i = 0; i < n_names; i++) {
		struct facts want, got;
		struct weir_err err = { 0 };
		char path[4096];
		const char *const paths[] = { path };
		bool same;

		snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		CU_ASSERT_FATAL(facts_read(names[i], &want));
		same = run(paths, 1, &got, &err) && got.packets == want.packets &&
		       got.cap == want.cap && got.wire == want.wire && got.ok == want.ok;
		CU_ASSERT(same);
		if (!same)
			printf("%s: %zu packets %zu captured %zu wire ok=%d, expected %zu %zu %zu %d; %s\n",
			       names[i], (size_t)got.packets, (size_t)got.cap, (size_t)got.wire,
			       got.ok, (size_t)want.packets, (size_t)want.cap, (size_t)want.wire,
			       want.ok, err.msg);
	}
}

static void test_all_captures_as_one_stream_give_the_sum(void)
{
	struct weir_pcap_files files;
	struct facts want = { 0 }, one, got;
	struct weir_err err = { 0 };

	for (size_t i = 0; i < n_names; i++) {
		CU_ASSERT_FATAL(facts_read(names[i], &one));
		want.packets += one.packets;
		want.cap += one.cap;
		want.wire += one.wire;
	}
	CU_ASSERT_EQUAL_FATAL(weir_pcap_files_find(&files, &root, 1, &err), 0);
	CU_ASSERT_EQUAL(files.n, n_names);
	CU_ASSERT_FATAL(run((const char *const *)files.paths, files.n, &got, &err));
	CU_ASSERT_EQUAL(got.packets, want.packets);
	CU_ASSERT_EQUAL(got.cap, want.cap);
	CU_ASSERT_EQUAL(got.wire, want.wire);
	weir_pcap_files_free(&files);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "each capture gives what its facts say",
		  test_each_capture_gives_what_its_facts_say },
		{ "all captures as one stream give the sum",
		  test_all_captures_as_one_stream_give_the_sum },
		CU_TEST_INFO_NULL,
	};

	if (!manifest_read()) {
		printf("skipped: the captures kept beside the tree are not there: %s\n", root);
		return 77;
	}
	return weir_test_main("pcap/captures", tests);
}
