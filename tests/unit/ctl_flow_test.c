/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl as a whole, over record files made here: argument 1 is the program. */
#include "weir_test.h"

#include <weir_export.h>

#include <field.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *weirctl;
static char dir[] = P_tmpdir "/weir-ctl-test-XXXXXX";
static char file[512];                                   /* the one record file in it */
static char folded[] = P_tmpdir "/weir-ctl-fold-XXXXXX"; /* another directory: a flood */
static off_t second;                                     /* where the file's second block begins */

static char output[1 << 20]; /* of the last run */

/* Run weirctl; standard output, and with "2>&1" standard error, into `output`. The exit code. */
static int run(const char *arguments)
{
	char command[2048];
	size_t len;
	int status;
	FILE *p;

	snprintf(command, sizeof(command), "TZ=UTC '%s' %s", weirctl, arguments);
	p = popen(command, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	len = fread(output, 1, sizeof(output) - 1, p);
	output[len] = '\0';
	status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_file(const char *verb, const char *rest)
{
	char arguments[1024];

	snprintf(arguments, sizeof(arguments), "flow %s --file %s %s", verb, dir, rest);
	return run(arguments);
}

static unsigned int lines(void)
{
	unsigned int n = 0;

	for (const char *p = output; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

/* 20 flows of 10.0.0.<i> to three servers; flow 3 has two reports, the later one in a block alone. */
static struct weir_flow_rec rec_of(unsigned int i)
{
	struct weir_flow_rec r = {
		.flow_id = 1000 + i,
		.capture_nic = UINT64_C(4) << 60 | 1,
		.start_ns = (1700000000 + i) * WEIR_NS_PER_S,
		.end_ns = (1700000001 + i) * WEIR_NS_PER_S,
		.duration_ns = WEIR_NS_PER_S,
		.ip = { { .b = { 10, 0, 0, (uint8_t)i } },
			{ .b = { 192, 168, 0, (uint8_t)(i % 3) } } },
		.port = { (uint16_t)(40000 + i), 443 },
		.eth_type = 0x0800,
		.protocol = 6,
		.flags = WEIR_REC_NEW,
		.close_type = WEIR_CLOSE_FINISH,
		.flow_count = 1,
		.packet = { 10, 20 },
		.byte = { 1000, i * 100000 },
		.retrans = { i == 7 ? 9 : 0, 0 },
		.rtt = 1500,
	};

	r.flow_start_ns = r.start_ns;
	return r;
}

static void write_records(void)
{
	struct weir_sink *s = weir_sink_open(WEIR_SINK_RECORDS, dir, NULL);
	struct weir_flow_rec recs[21];
	struct stat st;
	FILE *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	for (unsigned int i = 0; i < 20; i++)
		recs[i] = rec_of(i);
	recs[20] = recs[3];
	recs[20].flags = 0;
	recs[20].start_ns += 60 * WEIR_NS_PER_S;
	recs[20].end_ns += 60 * WEIR_NS_PER_S;
	CU_ASSERT_EQUAL(s->ops->write(s, recs, 20, NULL), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, NULL), 0);
	snprintf(output, sizeof(output), "ls %s/*", dir);
	p = popen(output, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL_FATAL(fscanf(p, "%511s", file), 1);
	pclose(p);
	CU_ASSERT_EQUAL_FATAL(stat(file, &st), 0);
	second = st.st_size;
	CU_ASSERT_EQUAL(s->ops->write(s, recs + 20, 1, NULL), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, NULL), 0);
	CU_ASSERT_EQUAL(s->ops->close(s, NULL), 0);
}

static void test_list_shows_every_record(void)
{
	CU_ASSERT_EQUAL(run_file("list", "2>/dev/null"), 0);
	CU_ASSERT_EQUAL(lines(), 21);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "2023-11-14 22:13:20.000      1.0s  tcp"));
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "10.0.0.7:40007   192.168.0.1:443"));
}

static void test_the_header_of_a_table_goes_to_standard_error(void)
{
	CU_ASSERT_EQUAL(run_file("list", "--limit 1 2>&1 >/dev/null"), 0);
	CU_ASSERT_EQUAL(lines(), 1);
	CU_ASSERT_EQUAL(strncmp(output, "START", 5), 0);
}

/* The sink for JSON lines is other code. */
static void test_json_lines_are_those_of_the_sink(void)
{
	char expected[WEIR_JSON_MAX];
	struct weir_flow_rec r = rec_of(0);
	size_t len = weir_flow_rec_json(expected, &r);

	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --limit 1"), 0);
	CU_ASSERT_EQUAL(strlen(output), len);
	CU_ASSERT_EQUAL(memcmp(output, expected, len), 0);
}

static void test_every_cell_has_the_value_of_its_json_field(void)
{
	struct weir_flow_rec r = rec_of(7);
	char json[WEIR_JSON_MAX], text[OUTPUT_CELL_MAX], pair[400];
	bool is_zero;

	r.tunnel[1] = (struct weir_tunnel){ .ip = { 0x0a000001, 2 }, .type = 1, .tier = 2 };
	r.nat_real_ip[0] = 0xc0a80101;
	r.l3_epc_id[0] = -2;
	r.observation_point = 1;
	memcpy(r.mac[0], "\x02\0\xab\0\0\x01", 6);
	json[weir_flow_rec_json(json, &r) - 1] = '\0';
	for (unsigned int f = 0; f < WEIR_FIELDS; f++) {
		const bool quoted = field_is_text((enum weir_field)f);

		if (weir_fields[f].show == WEIR_SHOW_NEVER)
			continue;
		field_text(text, &is_zero, (enum weir_field)f, &r);
		snprintf(pair, sizeof(pair), quoted ? "\"%s\":\"%s\"" : "\"%s\":%s",
			 weir_fields[f].name, text);
		if (!is_zero || weir_fields[f].show == WEIR_SHOW_ALWAYS)
			CU_ASSERT_PTR_NOT_NULL(strstr(json, pair));
	}
}

static void test_filters_and_limit_choose(void)
{
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --ip 10.0.0.8/29"), 0);
	CU_ASSERT_EQUAL(lines(), 8);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --port 40003 --protocol tcp"), 0);
	CU_ASSERT_EQUAL(lines(), 2);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --until=1700000005"), 0);
	CU_ASSERT_EQUAL(lines(), 5);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --limit 4"), 0);
	CU_ASSERT_EQUAL(lines(), 4);
}

/* Folded records of one flow and of two: 0.0.0.0 is nobody's address. */
static void test_a_folded_record_has_no_client(void)
{
	struct weir_sink *s = weir_sink_open(WEIR_SINK_RECORDS, folded, NULL);
	struct weir_flow_rec recs[3] = { rec_of(1), rec_of(2), rec_of(5) };
	char arguments[256];

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	weir_flow_rec_fold_start(&recs[0]);
	weir_flow_rec_fold_start(&recs[1]);
	weir_flow_rec_fold(&recs[1], &recs[2]);
	CU_ASSERT_EQUAL(s->ops->write(s, recs, 2, NULL), 0);
	CU_ASSERT_EQUAL(s->ops->flush(s, NULL), 0);
	CU_ASSERT_EQUAL(s->ops->close(s, NULL), 0);
	snprintf(arguments, sizeof(arguments), "flow list --file %s 2>/dev/null", folded);
	CU_ASSERT_EQUAL(run(arguments), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "  (1 flow)  "));
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "  (2 flows)  "));
	snprintf(arguments, sizeof(arguments), "flow top --file %s -o csv --of client", folded);
	CU_ASSERT_EQUAL(run(arguments), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n(no address),1.0000,3,"));
	snprintf(arguments, sizeof(arguments), "flow top --file %s -o csv --of pair", folded);
	CU_ASSERT_EQUAL(run(arguments), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n(no address) > 192.168.0.1,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "\n(no address) > 192.168.0.2,"));
}

static void test_several_addresses_are_any_of_them(void)
{
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --ip 10.0.0.3,10.0.0.5 --ip 10.0.0.8/31"), 0);
	CU_ASSERT_EQUAL(lines(), 5); /* flow 3 has two reports */
}

static void test_sorting_orders_numbers_as_numbers(void)
{
	CU_ASSERT_EQUAL(run_file("list", "-o csv --sort -byte_rx --limit 2"), 0);
	CU_ASSERT_EQUAL(lines(), 3);
	CU_ASSERT_EQUAL(strncmp(strchr(output, '\n') + 1, "1019,", 5), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "\r\n1018,"));
}

static void test_top_sums_and_counts_a_flow_once(void)
{
	CU_ASSERT_EQUAL(run_file("top", "-o csv --by flow --of server"), 0);
	CU_ASSERT_STRING_EQUAL(output, "key,share,flow,packet,byte,retrans,zero_win,syn\r\n"
				       "192.168.0.0,0.3500,7,240,6608000,0,0,0\r\n"
				       "192.168.0.1,0.3500,7,210,7007000,9,0,0\r\n"
				       "192.168.0.2,0.3000,6,180,5706000,0,0,0\r\n");
	CU_ASSERT_EQUAL(run_file("top", "-o csv --by retrans --of client --limit 1"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "10.0.0.7,1.0000,1,30,701000,9,0,0"));
	CU_ASSERT_EQUAL(run_file("top", "-o csv --of port"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "tcp/443,1.0000,20,"));
}

static void test_show_merges_the_reports_of_a_flow(void)
{
	CU_ASSERT_EQUAL(run_file("show 1003", ""), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "packet_tx                 20  "));
	CU_ASSERT_EQUAL(run_file("show 1003", "-o jsonl"), 0);
	CU_ASSERT_EQUAL(lines(), 1);
}

static void test_exit_codes_say_what_was_wrong(void)
{
	CU_ASSERT_EQUAL(run_file("show 5", "2>&1"), 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "weirctl: flow 5: not in "));
	CU_ASSERT_EQUAL(run("flow list --file /nonexistent 2>&1"), 4);
	CU_ASSERT_STRING_EQUAL(output, "weirctl: /nonexistent: No such file or directory\n");
	CU_ASSERT_EQUAL(run("flow list --file /dev/null 2>/dev/null"), 7);
	CU_ASSERT_EQUAL(run("flow list --file /proc/self/exe 2>/dev/null"), 1);
	CU_ASSERT_EQUAL(run_file("list", ">/dev/full 2>&1"), 1);
	CU_ASSERT_EQUAL(run("2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run("flow 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run("flow list --store /nonexistent 2>&1"), 4);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(output, "/nonexistent: no store is there; weir-agent writes"));
	CU_ASSERT_EQUAL(run_file("list", "--store /nonexistent 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--since 20 --until 10 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--since 20 --last 10m 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--where 'rtt = 1' 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--close-type never 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("top", "--group-by rtt,beauty 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("top", "--group-by rtt,rtt 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("top", "--group-by rtt,ip_0,ip_1 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("top", "--group-by rtt --of port 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--colour red 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--sort beauty 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "--sort -acl_gids 2>/dev/null"), 2); /* no order */
	CU_ASSERT_EQUAL(run_file("list", "--port 443 --port=80 2>&1"), 2);
	CU_ASSERT_STRING_EQUAL(output, "weirctl: --port: is given twice\n");
	CU_ASSERT_EQUAL(run_file("list", "--by byte 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("list", "extra 2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("show", "2>/dev/null"), 2);
	CU_ASSERT_EQUAL(run_file("top", "--of moon 2>/dev/null"), 2);
}

static void test_help_is_there_for_each_noun_and_verb(void)
{
	CU_ASSERT_EQUAL(run("--help"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "flow show FLOW_ID"));
	CU_ASSERT_EQUAL(run("flow --help"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "flow top"));
	CU_ASSERT_EQUAL(run("flow top --help"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "--by WHAT"));
	CU_ASSERT_PTR_NULL(strstr(output, "--sort"));
}

/* The second block is damaged here: only who needs it meets it. */
static void test_what_is_not_asked_for_is_not_read(void)
{
	FILE *f = fopen(file, "r+b");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fseek(f, second + 40, SEEK_SET);
	fputs("no zstd frame", f);
	fclose(f);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl 2>/dev/null"), 7);
	CU_ASSERT_EQUAL(lines(), 20);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --limit 20 2>&1"), 0);
	CU_ASSERT_EQUAL(lines(), 20);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --until 1700000050 2>&1"), 0);
	CU_ASSERT_EQUAL(lines(), 20);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl --since 1700000050 2>/dev/null"), 7);
	CU_ASSERT_EQUAL(lines(), 0);
}

/* Last: the file is cut here. */
static void test_a_torn_tail_is_partial_and_said(void)
{
	CU_ASSERT_EQUAL(truncate(file, 300), 0);
	CU_ASSERT_EQUAL(run_file("list", "-o jsonl 2>&1 >/dev/null"), 7);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, file));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{ "(records are written)", write_records },
		{ "list shows every record", test_list_shows_every_record },
		{ "the header of a table goes to standard error",
		  test_the_header_of_a_table_goes_to_standard_error },
		{ "JSON lines are those of the sink", test_json_lines_are_those_of_the_sink },
		{ "every cell has the value of its JSON field",
		  test_every_cell_has_the_value_of_its_json_field },
		{ "filters and limit choose", test_filters_and_limit_choose },
		{ "a folded record has no client", test_a_folded_record_has_no_client },
		{ "several addresses are any of them", test_several_addresses_are_any_of_them },
		{ "sorting orders numbers as numbers", test_sorting_orders_numbers_as_numbers },
		{ "top sums, and counts a flow once", test_top_sums_and_counts_a_flow_once },
		{ "show merges the reports of a flow", test_show_merges_the_reports_of_a_flow },
		{ "exit codes say what was wrong", test_exit_codes_say_what_was_wrong },
		{ "help is there for each noun and verb",
		  test_help_is_there_for_each_noun_and_verb },
		{ "what is not asked for is not read", test_what_is_not_asked_for_is_not_read },
		{ "a torn tail is partial, and said", test_a_torn_tail_is_partial_and_said },
		CU_TEST_INFO_NULL,
	};
	int status;

	if (argc != 2 || mkdtemp(dir) == NULL || mkdtemp(folded) == NULL)
		return 2;
	weirctl = argv[1];
	status = weir_test_main("ctl/flow", tests);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	nftw(folded, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
