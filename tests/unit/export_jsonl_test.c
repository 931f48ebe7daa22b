/* SPDX-License-Identifier: Apache-2.0 */
#include "full_disk_test.h"
#include "put.h"
#include "rec_test.h"
#include "weir_test.h"

#include <weir_export.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_number(uint64_t v)
{
	char got[32], want[32];

	*put_u64(got, v) = '\0';
	snprintf(want, sizeof(want), "%" PRIu64, v);
	CU_ASSERT_STRING_EQUAL(got, want);
	*put_i64(got, (int64_t)v) = '\0';
	snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void test_numbers_are_those_of_printf(void)
{
	for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10) {
		check_number(power - 1);
		check_number(power);
		check_number(power + 1);
	}
	for (int bit = 0; bit < 64; bit++) {
		check_number(UINT64_C(1) << bit);
		check_number((UINT64_C(1) << bit) - 1);
	}
	check_number(UINT64_MAX);
}

static void check_ipv6(const uint8_t b[16])
{
	char got[64], want[64];

	*weir_put_ipv6(got, b) = '\0';
	inet_ntop(AF_INET6, b, want, sizeof(want));
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void test_addresses_are_those_of_inet_ntop(void)
{
	unsigned int seed = 1;
	char got[64], want[64];
	uint8_t b[16];

	for (int mask = 0; mask < 256; mask++) { /* every pattern of zero groups */
		for (int round = 0; round < 4; round++) {
			for (int i = 0; i < 16; i++)
				b[i] = mask >> (i / 2) & 1 ? (uint8_t)(rand_r(&seed) >> 4) : 0;
			check_ipv6(b);
		}
	}
	for (int i = 0; i < 16; i++)
		b[i] = i < 10 ? 0 : i < 12 ? 0xff : (uint8_t)i;
	check_ipv6(b); /* v4-mapped */
	memset(b, 0xff, 16);
	check_ipv6(b);
	for (int v = 0; v < 256; v++) {
		b[0] = (uint8_t)v;
		b[3] = (uint8_t)(255 - v);
		*put_ipv4(got, b[0], b[1], b[2], b[3]) = '\0';
		inet_ntop(AF_INET, b, want, sizeof(want));
		CU_ASSERT_STRING_EQUAL(got, want);
	}
}

static const char *text_of(const struct weir_flow_rec *r)
{
	static char line[WEIR_JSON_MAX + 1];

	line[weir_flow_rec_json(line, r)] = '\0';
	return line;
}

static void test_values_have_the_units_of_the_design(void)
{
	struct weir_flow_rec r = {
		.flow_id = UINT64_MAX,
		.capture_nic = UINT64_C(4) << 60 | 1,
		.start_ns = UINT64_C(1700000000123456789),
		.duration_ns = 2999,
		.ip = { { .b = { 192, 0, 2, 1 } }, { .b = { 198, 51, 100, 255 } } },
		.mac = { { 0, 1, 0xab, 0xcd, 0xef, 0xff } },
		.port = { 65535, 53 },
		.observation_point = 25,
		.flow_count = 1,
		.l3_epc_id = { -2, 0 },
		.tunnel = { { .type = WEIR_TUNNEL_VXLAN,
			      .tier = 5,
			      .id = 42,
			      .ip = { 0x0a000001, 0 } } },
	};
	const char *line = text_of(&r);

	CU_ASSERT_PTR_NOT_NULL(strstr(line, "{\"flow_id\":\"18446744073709551615\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"capture_nic\":\"4611686018427387905\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"start_time\":1700000000123456,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"duration\":2,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"ip_1\":\"198.51.100.255\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"mac_0\":\"00:01:ab:cd:ef:ff\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"client_port\":65535,\"server_port\":53,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"observation_point\":\"c-gw-hv\","));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"l3_epc_id_0\":-2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"tunnel_tier\":2,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, ",\"tunnel_tx_ip_0\":\"10.0.0.1\","));
	CU_ASSERT_PTR_NULL(strstr(line, "flow_count"));
	CU_ASSERT_PTR_NULL(strstr(line, "acl_gids"));
	r.flow_count = 12345;
	CU_ASSERT_PTR_NOT_NULL(strstr(text_of(&r), ",\"flow_count\":12345"));
	r.acl_gids[0] = 9;
	CU_ASSERT_PTR_NOT_NULL(strstr(text_of(&r), ",\"acl_gids\":[9]"));
	r.acl_gids[1] = 65535;
	CU_ASSERT_PTR_NOT_NULL(strstr(text_of(&r), ",\"acl_gids\":[9,65535]"));
}

static const char check_py[] =
	"import ipaddress, json, sys\n"
	"n = 0\n"
	"for line in sys.stdin:\n"
	"    r = json.loads(line, object_pairs_hook=lambda p: dict(p) if len(dict(p)) == len(p) else 1/0)\n"
	"    for k in 'ip_0', 'ip_1', 'tunnel_tx_ip_0', 'tunnel_tx_ip_1':\n"
	"        ipaddress.ip_address(r[k])\n"
	"    assert 0 <= int(r['flow_id']) < 2**64 and isinstance(r['flow_id'], str)\n"
	"    assert all(isinstance(r[k], int) for k in ('start_time', 'packet_tx', 'status'))\n"
	"    n += 1\n"
	"sys.exit(0 if n == 2000 else 1)\n";

/* Python's parser is the judge; each field of each record is zeroes, ones or noise. */
static void test_any_record_is_valid_json(void)
{
	char lines[] = P_tmpdir "/weir-jsonl-XXXXXX", command[128];
	int lines_fd = mkstemp(lines);
	struct weir_err err = { 0 };
	struct weir_sink *s;
	unsigned int seed = 5;

	s = weir_sink_open(WEIR_SINK_JSONL, lines, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (int i = 0; i < 2000; i++) {
		struct weir_flow_rec r = { 0 };

		if (i > 0)
			rec_fill(&r, &seed);
		CU_ASSERT_EQUAL(s->ops->write(s, &r, 1, &err), 0);
	}
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	CU_ASSERT_EQUAL(s->ops->close(s, &err), 0);
	setenv("CHECK", check_py, 1);
	snprintf(command, sizeof(command), "python3 -c \"$CHECK\" < %s", lines);
	CU_ASSERT_EQUAL(system(command), 0);
	close(lines_fd);
	unlink(lines);
}

static void test_a_full_disk_is_an_error_and_its_records_are_counted(void)
{
	struct weir_err err = { 0 };
	struct weir_flow_rec r = { 0 };
	struct weir_sink *s = weir_sink_open(WEIR_SINK_JSONL, "/dev/full", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(s->ops->write(s, &r, 1, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), -ENOSPC);
	CU_ASSERT_EQUAL(s->buffered, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/dev/full"));
	s->ops->close(s, NULL);
}

static unsigned int lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[WEIR_JSON_MAX];
	unsigned int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const size_t len = strlen(line);

		CU_ASSERT(len > 3 && line[0] == '{' && strcmp(line + len - 2, "}\n") == 0);
		n++;
	}
	fclose(f);
	return n;
}

static void test_after_a_full_disk_no_part_of_a_line_stays(void)
{
	char path[] = P_tmpdir "/weir-jsonl-XXXXXX";
	const int fd = mkstemp(path);
	struct weir_flow_rec r[100] = { 0 };
	struct weir_err err = { 0 };
	struct weir_sink *s = weir_sink_open(WEIR_SINK_JSONL, path, &err);
	uint64_t lost = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(s->ops->write(s, r, 10, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	room_for(16 << 10); /* in the middle of a line */
	CU_ASSERT_EQUAL(s->ops->write(s, r, 100, &err), -EFBIG);
	lost = s->buffered;
	s->buffered = 0;
	CU_ASSERT_EQUAL(lines_of(path), 110 - lost);
	room_for(0);
	CU_ASSERT_EQUAL(s->ops->write(s, r, 7, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	CU_ASSERT_EQUAL(s->buffered, 0);
	CU_ASSERT_EQUAL(lines_of(path), 117 - lost);
	CU_ASSERT_EQUAL(s->ops->close(s, &err), 0);
	close(fd);
	unlink(path);
}

/* A pipe takes nothing back: what was torn ends with its line. */
static void test_after_a_reader_that_left_the_next_line_begins_anew(void)
{
	char path[] = P_tmpdir "/weir-jsonl-XXXXXX", text[8192];
	struct weir_flow_rec r[1] = { 0 };
	struct weir_err err = { 0 };
	struct weir_sink *s;
	ssize_t n;
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
	snprintf(text, sizeof(text), "%s/fifo", path);
	CU_ASSERT_EQUAL_FATAL(mkfifo(text, 0600), 0);
	fd = open(text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	s = weir_sink_open(WEIR_SINK_JSONL, text, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	signal(SIGPIPE, SIG_IGN);
	close(fd);
	CU_ASSERT_EQUAL(s->ops->write(s, r, 1, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), -EPIPE);
	s->buffered = 0;
	fd = open(text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unlink(text);
	CU_ASSERT_EQUAL(s->ops->write(s, r, 1, &err), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, &err), 0);
	n = read(fd, text, sizeof(text) - 1);
	CU_ASSERT_FATAL(n > 2);
	CU_ASSERT_EQUAL(memcmp(text, "\n{", 2), 0);
	CU_ASSERT_EQUAL(text[n - 1], '\n');
	CU_ASSERT_EQUAL(s->ops->close(s, &err), 0);
	close(fd);
	rmdir(path);
}

static void test_a_file_that_cannot_be_made_is_named(void)
{
	struct weir_err err = { 0 };

	CU_ASSERT_PTR_NULL(weir_sink_open(WEIR_SINK_JSONL, "/nonexistent/flows.jsonl", &err));
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/nonexistent/flows.jsonl"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "numbers are those of printf", test_numbers_are_those_of_printf },
		{ "addresses are those of inet_ntop", test_addresses_are_those_of_inet_ntop },
		{ "values have the units of the design", test_values_have_the_units_of_the_design },
		{ "any record is valid JSON", test_any_record_is_valid_json },
		{ "a full disk is an error and its records are counted",
		  test_a_full_disk_is_an_error_and_its_records_are_counted },
		{ "after a full disk no part of a line stays",
		  test_after_a_full_disk_no_part_of_a_line_stays },
		{ "after a reader that left the next line begins anew",
		  test_after_a_reader_that_left_the_next_line_begins_anew },
		{ "a file that cannot be made is named", test_a_file_that_cannot_be_made_is_named },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("export/jsonl", tests);
}
