/* SPDX-License-Identifier: Apache-2.0 */
#include "export_priv.h"
#include "full_disk_test.h"
#include "weir_test.h"

#include <weir_export.h>

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 2500 /* two full blocks and a part */

static char dir[] = P_tmpdir "/weir-records-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void begin(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

static void end(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Each byte of each record is 0, 0xff or noise, by field. */
static void fill(struct weir_flow_rec *recs, int n, unsigned int seed)
{
	memset(recs, 0, (size_t)n * sizeof(*recs));
	for (int i = 0; i < n; i++) {
		for (int f = 0; f < WEIR_FIELDS; f++) {
			uint8_t *at = (uint8_t *)&recs[i] + weir_fields[f].offset;
			int what = rand_r(&seed) % 3;

			for (int b = 0; b < weir_fields[f].bytes; b++)
				at[b] = what == 0   ? 0
					: what == 1 ? 0xff
						    : (uint8_t)(rand_r(&seed) >> 3);
		}
	}
}

static void write_records(const struct weir_flow_rec *recs, int n, uint64_t max_bytes)
{
	struct weir_err err = { 0 };
	struct weir_sink *s = weir_records_open(dir, max_bytes, &err);
	int written = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (int run = 1; written < n; run = run * 3 % 701) { /* runs of many lengths */
		int part = run < n - written ? run : n - written;

		CU_ASSERT_EQUAL(s->ops->write(s, recs + written, (uint32_t)part, &err), 0);
		written += part;
	}
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	CU_ASSERT_EQUAL(s->buffered, 0);
	CU_ASSERT_EQUAL(s->ops->close(s, &err), 0);
}

/* Records read until the end or the first error; *rc is the last result. They must be `want`'s. */
static int read_records(const char *path, const struct weir_flow_rec *want, int max, int *rc,
			struct weir_err *err)
{
	struct weir_rec_reader *r = weir_rec_reader_open(path, err);
	const struct weir_flow_rec *recs;
	int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	while ((*rc = weir_rec_reader_next(r, &recs, err)) > 0) {
		CU_ASSERT_FATAL(n + *rc <= max);
		CU_ASSERT_EQUAL(memcmp(recs, want + n, (size_t)*rc * sizeof(*recs)), 0);
		n += *rc;
	}
	weir_rec_reader_close(r);
	return n;
}

static void only_file(char path[256])
{
	char pattern[256];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/flows-*.weir", dir);
	CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &g), 0);
	CU_ASSERT_EQUAL(g.gl_pathc, 1);
	snprintf(path, 256, "%s", g.gl_pathv[0]);
	globfree(&g);
}

static void test_every_value_survives(void)
{
	struct weir_flow_rec *recs = malloc(MANY * sizeof(*recs));
	int rc;

	for (int n = 1; n <= MANY; n = n < 20 ? n + 1 : n * 5) {
		begin();
		fill(recs, n, (unsigned int)n);
		write_records(recs, n, UINT64_MAX);
		CU_ASSERT_EQUAL(read_records(dir, recs, n, &rc, NULL), n);
		CU_ASSERT_EQUAL(rc, 0);
		end();
	}
	free(recs);
}

static void test_files_rotate_by_size_and_are_read_in_order(void)
{
	struct weir_flow_rec *recs = malloc(MANY * sizeof(*recs));
	char pattern[256];
	glob_t g;
	int rc;

	begin();
	fill(recs, MANY, 1);
	write_records(recs, MANY, 1);
	snprintf(pattern, sizeof(pattern), "%s/flows-*-00000[0-2].weir", dir);
	CU_ASSERT_EQUAL(glob(pattern, 0, NULL, &g), 0);
	CU_ASSERT_EQUAL(g.gl_pathc, 3); /* one block each */
	globfree(&g);
	CU_ASSERT_EQUAL(read_records(dir, recs, MANY, &rc, NULL), MANY);
	CU_ASSERT_EQUAL(rc, 0);
	end();
	free(recs);
}

/* `room`: where the disk is full: in the file's header, in its first block or in a later one. */
static void check_full_disk(uint64_t room, int before)
{
	struct weir_flow_rec *recs = malloc(MANY * sizeof(*recs));
	struct weir_err err = { 0 };
	struct weir_sink *s;
	char path[256];
	int rc;

	begin();
	fill(recs, MANY, 3);
	s = weir_records_open(dir, UINT64_MAX, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	if (before > 0)
		CU_ASSERT_EQUAL(s->ops->write(s, recs, (uint32_t)before, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	room_for(room);
	CU_ASSERT_EQUAL(s->ops->write(s, recs + before, 700, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), -EFBIG);
	CU_ASSERT_EQUAL(s->buffered, 700); /* lost: the next ones stand in their place */
	s->buffered = 0;
	room_for(0);
	CU_ASSERT_EQUAL(s->ops->write(s, recs + before, 600, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	CU_ASSERT_EQUAL(s->ops->close(s, &err), 0);
	only_file(path);
	CU_ASSERT_EQUAL(read_records(dir, recs, before + 600, &rc, &err), before + 600);
	CU_ASSERT_EQUAL(rc, 0);
	end();
	free(recs);
}

static void test_after_a_full_disk_whole_blocks_follow_whole_blocks(void)
{
	check_full_disk(8, 0);
	check_full_disk(1000, 0);
	check_full_disk(1000, 1);
	check_full_disk(200 << 10, 900);
}

/* Wherever the file is cut, whole blocks are read and the rest is said to be torn. */
static void test_a_torn_tail_is_recognised(void)
{
	struct weir_flow_rec *recs = malloc(MANY * sizeof(*recs));
	char path[256];
	struct stat st;
	int rc, whole = 0;

	begin();
	memset(recs, 0, MANY * sizeof(*recs));
	for (int i = 0; i < MANY; i++)
		recs[i].flow_id = (uint64_t)i;
	write_records(recs, MANY, UINT64_MAX);
	only_file(path);
	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	for (off_t len = st.st_size - 1; len >= 0; len -= 1 + len / 97) {
		struct weir_err err = { 0 };
		int n;

		CU_ASSERT_EQUAL_FATAL(truncate(path, len), 0);
		n = read_records(path, recs, MANY, &rc, &err);
		CU_ASSERT_EQUAL(n % 1000, 0);
		if (rc != 0) {
			CU_ASSERT_EQUAL(rc, -ENODATA);
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "torn"));
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "at byte"));
		}
		whole = n > whole ? n : whole;
	}
	CU_ASSERT_EQUAL(whole, 2000);
	end();
	free(recs);
}

/* No flipped byte gives a record that was not written. */
static void test_damage_is_found_and_named(void)
{
	struct weir_flow_rec recs[20];
	uint8_t bytes[16384];
	char path[256];
	size_t len, harmless = 0;
	FILE *f;
	int rc;

	begin();
	fill(recs, 20, 9);
	write_records(recs, 20, UINT64_MAX);
	only_file(path);
	f = fopen(path, "r+b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	setvbuf(f, NULL, _IONBF, 0);
	len = fread(bytes, 1, sizeof(bytes), f);
	CU_ASSERT_FATAL(len > 100 && len < sizeof(bytes));
	for (size_t at = 0; at < len; at++) {
		struct weir_err err = { 0 };
		uint8_t bad = bytes[at] ^ (uint8_t)(1 << at % 8);

		fseek(f, (long)at, SEEK_SET);
		fwrite(&bad, 1, 1, f);
		if (read_records(path, recs, 20, &rc, &err) == 20) {
			harmless++; /* another encoding of the same bytes */
		} else {
			CU_ASSERT(rc == -EBADMSG || rc == -ENODATA || rc == -EPROTONOSUPPORT);
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
		}
		fseek(f, (long)at, SEEK_SET);
		fwrite(&bytes[at], 1, 1, f);
	}
	fclose(f);
	CU_ASSERT(harmless < len / 100);
	CU_ASSERT_EQUAL(read_records(path, recs, 20, &rc, NULL), 20);
	end();
}

/* Three blocks of 100 s each, in one file; `at` where each begins, and where the last ends. */
static void write_periods(char path[256], long at[4])
{
	struct weir_sink *s = weir_records_open(dir, UINT64_MAX, NULL);
	struct weir_flow_rec rec = { .protocol = 6 };
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	at[0] = 16;
	for (unsigned int i = 1; i <= 3; i++) {
		rec.flow_id = i;
		rec.start_ns = i * 100;
		rec.end_ns = i * 100 + 99;
		CU_ASSERT_EQUAL(s->ops->write(s, &rec, 1, NULL), 0);
		CU_ASSERT_EQUAL(s->ops->flush(s, NULL), 0);
		only_file(path);
		CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
		at[i] = st.st_size;
	}
	CU_ASSERT_EQUAL(s->ops->close(s, NULL), 0);
}

/* Ids of the flows read, as digits, and the last result. */
static int ids_of_period(const char *path, uint64_t since_ns, uint64_t until_ns)
{
	struct weir_rec_reader *r = weir_rec_reader_open(path, NULL);
	const struct weir_flow_rec *recs;
	int rc, ids = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	weir_rec_reader_period(r, since_ns, until_ns);
	while ((rc = weir_rec_reader_next(r, &recs, NULL)) > 0)
		ids = ids * 10 + (int)recs[0].flow_id;
	weir_rec_reader_close(r);
	return rc < 0 ? rc : ids;
}

static void test_blocks_of_another_time_are_left_out(void)
{
	char path[256];
	long at[4];

	begin();
	write_periods(path, at);
	CU_ASSERT_EQUAL(ids_of_period(path, 0, 0), 123);
	CU_ASSERT_EQUAL(ids_of_period(path, 199, 0), 123);
	CU_ASSERT_EQUAL(ids_of_period(path, 200, 0), 23);
	CU_ASSERT_EQUAL(ids_of_period(path, 0, 300), 12);
	CU_ASSERT_EQUAL(ids_of_period(path, 0, 301), 123);
	CU_ASSERT_EQUAL(ids_of_period(path, 200, 300), 2);
	CU_ASSERT_EQUAL(ids_of_period(path, 400, 0), 0);
	end();
}

/* A damaged payload shows that it is not looked at; a cut one is said all the same. */
static void test_what_is_left_out_is_not_unpacked_but_must_be_there(void)
{
	char path[256];
	long at[4];
	FILE *f;

	begin();
	write_periods(path, at);
	f = fopen(path, "r+b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fseek(f, at[0] + 40, SEEK_SET);
	fputs("no zstd frame", f);
	fclose(f);
	CU_ASSERT_EQUAL(ids_of_period(path, 0, 0), -EBADMSG);
	CU_ASSERT_EQUAL(ids_of_period(path, 200, 0), 23);
	for (long len = at[2] + 1; len < at[3]; len++) {
		CU_ASSERT_EQUAL_FATAL(truncate(path, at[3] + at[2] - len), 0);
		CU_ASSERT_EQUAL(ids_of_period(path, 200, 300), -ENODATA);
	}
	CU_ASSERT_EQUAL_FATAL(truncate(path, at[2]), 0);
	CU_ASSERT_EQUAL(ids_of_period(path, 200, 300), 2);
	end();
}

/* The system gives an error for each read of a folder. */
static void test_what_cannot_be_read_is_not_said_to_be_torn(void)
{
	struct weir_err err = { 0 };
	char path[256];
	int rc;

	begin();
	snprintf(path, sizeof(path), "%s/flows-1-000000.weir", dir);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
	CU_ASSERT_EQUAL(read_records(dir, NULL, 0, &rc, &err), 0);
	CU_ASSERT_EQUAL(rc, -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "cannot be read"));
	end();
}

static void test_a_directory_without_record_files_is_said_to_be_one(void)
{
	struct weir_err err = { 0 };

	begin();
	CU_ASSERT_PTR_NULL(weir_rec_reader_open(dir, &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, dir));
	end();
}

static void test_a_place_that_cannot_be_written_is_refused_at_open(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_sink_open(WEIR_SINK_RECORDS, "/nonexistent/records", &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/nonexistent/records"));
}

static void test_a_file_is_no_place_for_records(void)
{
	static const mode_t modes[] = { 0644, 0755 };
	char path[256];

	begin();
	snprintf(path, sizeof(path), "%s/file", dir);
	fclose(fopen(path, "w"));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(modes); i++) {
		struct weir_err err = { 0 };

		CU_ASSERT_EQUAL_FATAL(chmod(path, modes[i]), 0);
		CU_ASSERT_PTR_NULL(weir_sink_open(WEIR_SINK_RECORDS, path, &err));
		CU_ASSERT_EQUAL(err.code, ENOTDIR);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	}
	end();
}

/* The layout of version 2, as README.md has it: files of it exist. */
static void test_the_layout_of_version_2_stays(void)
{
	static const struct {
		uint16_t offset, bytes;
		const char *name;
	} layout[] = {
		{ 0, 8, "flow_id" },
		{ 8, 8, "capture_nic" },
		{ 16, 8, "start_time" },
		{ 24, 8, "end_time" },
		{ 32, 8, "flow_start_time" },
		{ 40, 8, "duration" },
		{ 48, 16, "ip_0" },
		{ 64, 16, "ip_1" },
		{ 80, 6, "mac_0" },
		{ 86, 6, "mac_1" },
		{ 92, 2, "client_port" },
		{ 94, 2, "server_port" },
		{ 96, 2, "eth_type" },
		{ 98, 2, "vlan" },
		{ 100, 2, "capture_network_type_id" },
		{ 102, 2, "record_flags" },
		{ 104, 1, "protocol" },
		{ 105, 1, "is_ipv6" },
		{ 106, 1, "close_type" },
		{ 107, 1, "observation_point" },
		{ 108, 1, "direction_score" },
		{ 109, 1, "l7_protocol" },
		{ 110, 1, "nat_source" },
		{ 111, 1, "l2_end_0" },
		{ 112, 1, "l2_end_1" },
		{ 113, 1, "l3_end_0" },
		{ 114, 1, "l3_end_1" },
		{ 116, 2, "tcp_flags_bit_0" },
		{ 118, 2, "tcp_flags_bit_1" },
		{ 120, 4, "l3_epc_id_0" },
		{ 124, 4, "l3_epc_id_1" },
		{ 128, 4, "tunnel_tx_ip_0" },
		{ 132, 4, "tunnel_tx_ip_1" },
		{ 136, 4, "tunnel_tx_mac_0" },
		{ 140, 4, "tunnel_tx_mac_1" },
		{ 144, 4, "tunnel_tx_id" },
		{ 148, 1, "tunnel_tx_type" },
		{ 149, 1, "tunnel_tx_tier" },
		{ 150, 1, "tunnel_tx_is_ipv6" },
		{ 152, 4, "tunnel_rx_ip_0" },
		{ 156, 4, "tunnel_rx_ip_1" },
		{ 160, 4, "tunnel_rx_mac_0" },
		{ 164, 4, "tunnel_rx_mac_1" },
		{ 168, 4, "tunnel_rx_id" },
		{ 172, 1, "tunnel_rx_type" },
		{ 173, 1, "tunnel_rx_tier" },
		{ 174, 1, "tunnel_rx_is_ipv6" },
		{ 176, 4, "nat_real_ip_0" },
		{ 180, 4, "nat_real_ip_1" },
		{ 184, 2, "nat_real_port_0" },
		{ 186, 2, "nat_real_port_1" },
		{ 188, 4, "flows" },
		{ 192, 8, "packet_tx" },
		{ 200, 8, "packet_rx" },
		{ 208, 8, "byte_tx" },
		{ 216, 8, "byte_rx" },
		{ 224, 8, "l3_byte_tx" },
		{ 232, 8, "l3_byte_rx" },
		{ 240, 8, "l4_byte_tx" },
		{ 248, 8, "l4_byte_rx" },
		{ 256, 4, "syn_seq" },
		{ 260, 4, "syn_ack_seq" },
		{ 264, 4, "last_keepalive_seq" },
		{ 268, 4, "last_keepalive_ack" },
		{ 272, 4, "init_ipid" },
		{ 276, 4, "rtt" },
		{ 280, 4, "rtt_client_max" },
		{ 284, 4, "rtt_client_count" },
		{ 288, 8, "rtt_client_sum" },
		{ 296, 4, "rtt_server_max" },
		{ 300, 4, "rtt_server_count" },
		{ 304, 8, "rtt_server_sum" },
		{ 312, 4, "srt_max" },
		{ 316, 4, "srt_count" },
		{ 320, 8, "srt_sum" },
		{ 328, 4, "art_max" },
		{ 332, 4, "art_count" },
		{ 336, 8, "art_sum" },
		{ 344, 4, "cit_max" },
		{ 348, 4, "cit_count" },
		{ 352, 8, "cit_sum" },
		{ 360, 4, "retrans_tx" },
		{ 364, 4, "retrans_rx" },
		{ 368, 4, "zero_win_tx" },
		{ 372, 4, "zero_win_rx" },
		{ 376, 4, "ooo_tx" },
		{ 380, 4, "ooo_rx" },
		{ 384, 4, "syn_count" },
		{ 388, 4, "synack_count" },
		{ 392, 4, "fin_count" },
		{ 396, 4, "retrans_syn" },
		{ 400, 4, "retrans_synack" },
		{ 404, 16, "acl_gids" },
		{ 420, 4, "epc_id_0" },
		{ 424, 4, "epc_id_1" },
	};
	size_t kept = 0;

	for (int f = 0; f < WEIR_FIELDS; f++) {
		size_t i = 0;

		if (weir_fields[f].bytes == 0)
			continue;
		kept++;
		while (i < WEIR_ARRAY_SIZE(layout) &&
		       strcmp(layout[i].name, weir_fields[f].name) != 0)
			i++;
		CU_ASSERT_FATAL(i < WEIR_ARRAY_SIZE(layout));
		CU_ASSERT_EQUAL(weir_fields[f].offset, layout[i].offset);
		CU_ASSERT_EQUAL(weir_fields[f].bytes, layout[i].bytes);
	}
	CU_ASSERT_EQUAL(kept, WEIR_ARRAY_SIZE(layout));
}

/* tests/data/records_1.weir was written by the weir of then, and shown by its weirctl: records_1.jsonl. */
static void test_a_file_of_version_1_is_read(void)
{
	struct weir_err err = { 0 };
	struct weir_rec_reader *r =
		weir_rec_reader_open(WEIR_SOURCE_ROOT "/tests/data/records_1.weir", &err);
	FILE *want = fopen(WEIR_SOURCE_ROOT "/tests/data/records_1.jsonl", "r");
	char line[WEIR_JSON_MAX], json[WEIR_JSON_MAX];
	const struct weir_flow_rec *recs;

	CU_ASSERT_FATAL(r != NULL && want != NULL);
	CU_ASSERT_EQUAL_FATAL(weir_rec_reader_next(r, &recs, &err), 5);
	for (int i = 0; i < 5; i++) {
		const size_t n = weir_flow_rec_json(json, &recs[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof(line), want));
		CU_ASSERT(strlen(line) == n && memcmp(line, json, n) == 0);
	}
	CU_ASSERT_EQUAL(weir_rec_reader_next(r, &recs, &err), 0);
	fclose(want);
	weir_rec_reader_close(r);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every value survives", test_every_value_survives },
		{ "files rotate by size and are read in order",
		  test_files_rotate_by_size_and_are_read_in_order },
		{ "after a full disk whole blocks follow whole blocks",
		  test_after_a_full_disk_whole_blocks_follow_whole_blocks },
		{ "a torn tail is recognised", test_a_torn_tail_is_recognised },
		{ "damage is found and named", test_damage_is_found_and_named },
		{ "the layout of version 2 stays", test_the_layout_of_version_2_stays },
		{ "a file of version 1 is read", test_a_file_of_version_1_is_read },
		{ "blocks of another time are left out", test_blocks_of_another_time_are_left_out },
		{ "what is left out is not unpacked but must be there",
		  test_what_is_left_out_is_not_unpacked_but_must_be_there },
		{ "what cannot be read is not said to be torn",
		  test_what_cannot_be_read_is_not_said_to_be_torn },
		{ "a directory without record files is said to be one",
		  test_a_directory_without_record_files_is_said_to_be_one },
		{ "a place that cannot be written is refused at open",
		  test_a_place_that_cannot_be_written_is_refused_at_open },
		{ "a file is no place for records", test_a_file_is_no_place_for_records },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/records", tests);
}
