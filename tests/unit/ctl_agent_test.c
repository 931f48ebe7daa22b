/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl against a server that answers as an agent does, with numbers that are made up: each question after
 * the ports is a second later, and rates are what one can work out by hand.
 */
#include "weir_test.h"

#include <weir_ctl.h>
#include <weir_export.h>

#include <event2/event.h>

#include <fcntl.h>
#include <pcapng.h>
#include <pthread.h>
#include <rec_json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 INT64_C(1700000000000000)

static const char *weirctl;
static char dir[] = P_tmpdir "/weir-ctl-agent-XXXXXX";
static char path[128], file[128];

static struct event_base *base;
static struct weir_ctl_server *server;
static pthread_t thread;
static struct weir_ctl_stream *stream;
static unsigned int asked; /* for the ports */

static json_t *hop(const char *name, const char *object, const char *state, const char *detail,
		   const char *remedy)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "hop", name, "object", object, "state", state,
			 "detail", detail, "remedy", remedy);
}

/* Which hops are not well is a file beside the socket, made by a test. */
static bool is_there(const char *name)
{
	char p[200];

	snprintf(p, sizeof(p), "%s/%s", dir, name);
	return access(p, F_OK) == 0;
}

static json_t *status(void *ctx, const json_t *args, struct weir_err *err)
{
	json_t *hops = json_array();

	(void)ctx;
	(void)args;
	(void)err;
	json_array_append_new(hops, hop("link", "eth0", "ok", "up since 10:03:11", ""));
	if (is_there("warn"))
		json_array_append_new(hops, hop("port", "eth0", "warn", "no packets for 60 s",
						"is traffic mirrored to it?"));
	else
		json_array_append_new(hops, hop("port", "eth0", "ok", "12 packets", "ignored"));
	if (is_there("broken")) {
		json_array_append_new(hops, hop("store", "/var/lib/weir/store", "broken",
						"disk full \033[2J", "free space"));
		json_array_append_new(hops, hop("disk", "/var", "broken", "0 GiB free", ""));
	}
	return json_pack("{s:s,s:i,s:s,s:i,s:o}", "version", "0.1.0", "pid", 4711, "name", "box-1",
			 "uptime_s", 3725, "hops", hops);
}

static json_t *outcome(int64_t packets, int64_t since_us)
{
	return json_pack("{s:I,s:o}", "packets", (json_int_t)packets, "since_us",
			 since_us > 0 ? json_integer(since_us) : json_null());
}

static json_t *port(const char *name, const char *tap, json_t *missed, int64_t received)
{
	int64_t filtered = received >= 1000 ? 8 : 0;

	return json_pack("{s:s,s:s,s:i,s:s,s:s,s:I,s:n,s:i,s:b,s:s,s:i,s:I,s:I,s:o,s:{s:o,s:o,s:o,"
			 "s:o}}",
			 "name", name, "tap", tap, "tap_number", 1, "driver", "afpacket", "state",
			 "up", "since_us", (json_int_t)T0, "error", "queues", 2, "promiscuous", 1,
			 "filter", "", "snaplen", 0, "received", (json_int_t)received, "bytes",
			 (json_int_t)(received * 100), "missed", missed, "outcomes", "flow",
			 outcome(received - received / 10 - filtered, T0), "filtered",
			 outcome(filtered, T0), "ring_full", outcome(received / 10, T0 + 1000000),
			 "strange", outcome(0, 0));
}

/* 1,000 packets a second of eth0, of them 100 dropped, and 10 missed before; eth1 cannot tell. */
static json_t *ports(void *ctx, const json_t *args, struct weir_err *err)
{
	int64_t n = ++asked;
	json_t *all = json_array(), *workers;

	(void)ctx;
	(void)args;
	(void)err;
	json_array_append_new(all, port("eth0", "front", json_integer(10 * n), 1000 * n));
	json_array_append_new(all, port("eth1", "front", json_null(), 0));
	json_array_append_new(all, port("0000:3b:00.0", "back", json_integer(0), 5));
	workers = json_pack("[{s:i,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:i}]", "id", 0, "packets",
			    (json_int_t)(1000 * n), "busy_cycles", (json_int_t)(250 * n), "cycles",
			    (json_int_t)(1000 * n), "ring_used", 3, "ring_slots", 512,
			    "records_used", 7, "records_slots", 1024, "flows", 42, "flow_capacity",
			    1000);
	return json_pack("{s:I,s:o,s:o,s:[],s:n}", "now_us", (json_int_t)(T0 + n * 1000000),
			 "ports", all, "workers", workers, "sinks", "store");
}

static struct weir_flow_rec rec_of(unsigned int i)
{
	struct weir_flow_rec r = {
		.flow_id = UINT64_C(18446744073709551000) + i,
		.capture_nic = UINT64_C(4) << 60 | 1,
		.start_ns = (1700000000 + i) * WEIR_NS_PER_S,
		.end_ns = (1700000001 + i) * WEIR_NS_PER_S,
		.duration_ns = WEIR_NS_PER_S,
		.ip = { { .b = { 10, 0, 0, (uint8_t)i } }, { .b = { 192, 168, 0, 1 } } },
		.mac = { { 2, 0, 0xab, 0, 0, 1 } },
		.port = { (uint16_t)(40000 + i), i % 2 == 0 ? 443 : 53 },
		.eth_type = 0x0800,
		.protocol = i % 2 == 0 ? 6 : 17,
		.flags = WEIR_REC_NEW,
		.close_type = WEIR_CLOSE_FINISH,
		.flow_count = 1,
		.packet = { 10, 20 },
		.byte = { 1000, i * 1000 },
		.observation_point = 1,
		.l3_epc_id = { -2, 5 },
		.tunnel = { { .ip = { 0x0a000001, 2 }, .id = 42, .type = 1, .tier = 2 } },
		.rtt = 1500,
	};

	if (i == 3) {
		r.eth_type = 0x86dd;
		r.is_ipv6 = 1;
		r.ip[0].b[15] = 9;
	}
	return r;
}

static void gone(void *ctx)
{
	(void)ctx;
	stream = NULL;
}

/* 10 records, then silence; or, when a file says so, the end. */
static int watch(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
{
	char line[WEIR_JSON_MAX];

	(void)ctx;
	(void)args;
	(void)err;
	for (unsigned int i = 0; i < 10; i++) {
		struct weir_flow_rec r = rec_of(i);

		weir_ctl_stream_write(s, line, weir_flow_rec_json(line, &r));
	}
	if (is_there("ends"))
		weir_ctl_stream_end(s);
	else
		weir_ctl_stream_on_close(s, gone, NULL);
	return 0;
}

static uint8_t block[PCAPNG_HEAD_MAX];

static void head(struct weir_ctl_stream *s, const char *comment, uint32_t snaplen)
{
	const struct pcapng_section section = { .comment = comment, .application = "test" };
	const struct pcapng_interface eth0 = { .name = "eth0",
					       .snaplen = snaplen,
					       .link = WEIR_LINK_ETHER };

	weir_ctl_stream_write(s, block, pcapng_section(block, sizeof(block), &section));
	weir_ctl_stream_write(s, block, pcapng_interface(block, sizeof(block), &eth0));
}

static void packets(struct weir_ctl_stream *s, unsigned int n)
{
	static const uint8_t arp[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6
	};
	const struct pcapng_packet p = { .caplen = sizeof(arp),
					 .wirelen = sizeof(arp),
					 .ts_ns = T0 * 1000,
					 .link = WEIR_LINK_ETHER,
					 .data = arp };

	for (unsigned int i = 0; i < n; i++)
		weir_ctl_stream_write(s, block, pcapng_packet(block, sizeof(block), &p));
}

static void tail(struct weir_ctl_stream *s)
{
	const struct pcapng_statistics st = { .ts_ns = T0 * 1000,
					      .start_ns = T0 * 1000,
					      .received = 130,
					      .dropped = 7,
					      .delivered = 123 };

	weir_ctl_stream_write(s, block, pcapng_statistics(block, sizeof(block), &st));
	weir_ctl_stream_end(s);
}

static void finish(void *ctx)
{
	(void)ctx;
	packets(stream, 3);
	tail(stream);
	stream = NULL;
}

/* `count` packets and the end; without it 20 packets, and 3 more when the end is asked for. */
static int capture(void *ctx, const json_t *args, struct weir_ctl_stream *s, struct weir_err *err)
{
	const char *filter = json_string_value(json_object_get(args, "filter"));
	unsigned int n = (unsigned int)json_integer_value(json_object_get(args, "count"));

	(void)ctx;
	if (strcmp(filter, "bad") == 0)
		return weir_err_set(err, EINVAL, "filter bad: syntax error");
	head(s, json_string_value(json_object_get(args, "comment")),
	     (uint32_t)json_integer_value(json_object_get(args, "snaplen")));
	packets(s, n > 0 ? n : 20);
	if (strcmp(filter, "dies") == 0) {
		weir_ctl_stream_write(s, block, 13); /* within a block */
		weir_ctl_stream_end(s);
	} else if (n > 0) {
		tail(s);
	} else {
		stream = s;
		weir_ctl_stream_on_finish(s, finish, NULL);
		weir_ctl_stream_on_close(s, gone, NULL);
	}
	return 0;
}

static json_t *stop(void *ctx, const json_t *args, struct weir_err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	event_base_loopexit(base, NULL);
	return json_null();
}

static const struct weir_ctl_command commands[] = {
	{ .name = "status", .answer = status },  { .name = "ports", .answer = ports },
	{ .name = "stop", .answer = stop },      { .name = "watch", .begin = watch },
	{ .name = "capture", .begin = capture },
};

static void *loop(void *arg)
{
	event_base_dispatch(base);
	weir_ctl_server_destroy(server);
	event_base_free(base);
	return arg;
}

static void start(void)
{
	const struct weir_ctl_server_conf conf = {
		.path = path,
		.commands = commands,
		.n_commands = WEIR_ARRAY_SIZE(commands),
		.base = base = event_base_new(),
	};

	server = weir_ctl_server_create(&conf, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, loop, NULL), 0);
}

static void end(void)
{
	struct weir_ctl_client *c = weir_ctl_client_open(path, NULL);

	json_decref(weir_ctl_client_call(c, "stop", NULL, NULL));
	weir_ctl_client_close(c);
	pthread_join(thread, NULL);
}

static char output[1 << 20];

static int run_command(const char *command)
{
	size_t len;
	int status_;
	FILE *p = popen(command, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	len = fread(output, 1, sizeof(output) - 1, p);
	output[len] = '\0';
	status_ = pclose(p);
	return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

/* Standard output, and with "2>&1" standard error, into `output`; the exit code. */
static int run(const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command), "TZ=UTC '%s' --socket %s %s", weirctl, path, arguments);
	return run_command(command);
}

/* With `before` in front, as "timeout -s INT 1". */
static int run_under(const char *before, const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command), "TZ=UTC %s '%s' --socket %s %s", before, weirctl, path,
		 arguments);
	return run_command(command);
}

static bool says(const char *text)
{
	if (strstr(output, text) != NULL)
		return true;
	printf("\nnot in the output: %s\n%s\n", text, output);
	return false;
}

static unsigned int lines(void)
{
	unsigned int n = 0;

	for (const char *p = output; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

static void touch(const char *name)
{
	char p[200];

	snprintf(p, sizeof(p), "%s/%s", dir, name);
	close(open(p, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void untouch(const char *name)
{
	char p[200];

	snprintf(p, sizeof(p), "%s/%s", dir, name);
	unlink(p);
}

static void test_status_of_a_box_that_is_well(void)
{
	CU_ASSERT_EQUAL(run("status 2>&1"), 0);
	CU_ASSERT_STRING_EQUAL(output, "weir-agent 0.1.0 of box-1, process 4711, up 1 h 2 min\n"
				       "  ok      link       eth0  up since 10:03:11\n"
				       "  ok      port       eth0  12 packets\n"
				       "ok: packets go all the way from link to disk\n");
}

static void test_status_with_a_warning_is_no_failure(void)
{
	touch("warn");
	CU_ASSERT_EQUAL(run("status 2>&1"), 0);
	CU_ASSERT_TRUE(says("  warn    port       eth0  no packets for 60 s\n"));
	CU_ASSERT_TRUE(says("  what to do: is traffic mirrored to it?\n"));
	CU_ASSERT_TRUE(says("\nworks, but: port eth0: no packets for 60 s: is traffic mirrored to "
			    "it?\n"));
	untouch("warn");
}

/* What comes from elsewhere gives the terminal no orders. */
static void test_status_names_the_first_broken_hop_in_its_last_line(void)
{
	touch("broken");
	CU_ASSERT_EQUAL(run("status 2>&1"), 1);
	CU_ASSERT_TRUE(
		says("\nbroken: store /var/lib/weir/store: disk full ?[2J: free space (and 1 "
		     "more)\n"));
	CU_ASSERT_PTR_NULL(strchr(output, '\033'));
	untouch("broken");
}

/* Python reads what is printed; script(1) makes a terminal. */
static void test_status_is_coloured_on_a_terminal_only(void)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "TERM=xterm script -qec \"'%s' --socket %s status\" /dev/null", weirctl, path);
	CU_ASSERT_EQUAL(run_command(command), 0);
	CU_ASSERT_TRUE(says("\033[32mok    \033[0m  link"));
	snprintf(command, sizeof(command),
		 "NO_COLOR=1 TERM=xterm script -qec \"'%s' --socket %s status\" /dev/null", weirctl,
		 path);
	CU_ASSERT_EQUAL(run_command(command), 0);
	CU_ASSERT_PTR_NULL(strchr(output, '\033'));
}

static void test_status_for_programs(void)
{
	CU_ASSERT_EQUAL(run("status -o json | python3 -c 'import json,sys; d=json.load(sys.stdin); "
			    "print(d[\"pid\"], len(d[\"hops\"]), d[\"hops\"][0][\"object\"])'"),
			0);
	CU_ASSERT_STRING_EQUAL(output, "4711 2 eth0\n");
	CU_ASSERT_EQUAL(run("status -o csv"), 0);
	CU_ASSERT_STRING_EQUAL(output, "state,hop,object,detail,remedy\r\n"
				       "ok,link,eth0,up since 10:03:11,\r\n"
				       "ok,port,eth0,12 packets,ignored\r\n");
	CU_ASSERT_EQUAL(run("status -o yaml"), 0);
	CU_ASSERT_TRUE(says("pid: 4711\n"));
	CU_ASSERT_TRUE(says("hops:\n  - hop: \"link\"\n    object: \"eth0\"\n"));
	CU_ASSERT_EQUAL(run("status -o jsonl"), 0);
	CU_ASSERT_EQUAL(lines(), 2);
}

static void test_an_agent_that_is_not_there_is_exit_6(void)
{
	char command[512];

	CU_ASSERT_EQUAL(run("--socket /nonexistent status 2>&1"), 2); /* given twice */
	CU_ASSERT_EQUAL(run_under("env", "status --help"), 0);
	CU_ASSERT_TRUE(says("--socket PATH"));
	snprintf(command, sizeof(command), "'%s' --socket /nonexistent/s status 2>&1", weirctl);
	CU_ASSERT_EQUAL(run_command(command), 6);
	CU_ASSERT_TRUE(
		says("weirctl: /nonexistent/s: there is no such socket: is the agent running "
		     "(systemctl start weir-agent)"));
}

static void test_port_list_says_unknown_where_nothing_is_known(void)
{
	asked = 0;
	CU_ASSERT_EQUAL(run("port list 2>&1"), 0);
	CU_ASSERT_EQUAL(lines(), 4);
	CU_ASSERT_TRUE(says("eth0          front  up     2023-11-14 22:13:20  afpacket       2"));
	CU_ASSERT_TRUE(says("1000  100.0K       10      100  -\n"));
	CU_ASSERT_TRUE(says("unknown        0  -\n"));
	asked = 0;
	CU_ASSERT_EQUAL(run("port list -o jsonl eth1"), 2);
	CU_ASSERT_EQUAL(run("port list -o json | python3 -c 'import json,sys; "
			    "print([(p[\"name\"], p[\"missed\"]) for p in json.load(sys.stdin)])'"),
			0);
	CU_ASSERT_STRING_EQUAL(output, "[('eth0', 10), ('eth1', None), ('0000:3b:00.0', 0)]\n");
}

static void test_port_show_takes_ports_and_taps(void)
{
	asked = 0;
	CU_ASSERT_EQUAL(run("port show eth1"), 0);
	CU_ASSERT_TRUE(says("missed          unknown\n"));
	CU_ASSERT_EQUAL(run("port show front -o csv"), 0);
	CU_ASSERT_EQUAL(lines(), 3);
	CU_ASSERT_EQUAL(run("port show eth9 2>&1"), 4);
	CU_ASSERT_STRING_EQUAL(output, "weirctl: port eth9: there is no such port or tap; ports "
				       "are: eth0, eth1, 0000:3b:00.0\n");
}

static void test_port_drops_is_a_waterfall(void)
{
	asked = 0;
	CU_ASSERT_EQUAL(run("port drops eth0 2>/dev/null"), 0);
	CU_ASSERT_EQUAL(lines(), 6);
	CU_ASSERT_TRUE(says("eth0  missed          10   1.0%  loss"));
	CU_ASSERT_TRUE(says("eth0  received      1000  99.0%  sum"));
	CU_ASSERT_TRUE(
		says("eth0  flow           892  88.3%  outcome  2023-11-14 22:13:20  counted "
		     "in a flow"));
	CU_ASSERT_TRUE(says("eth0  ring_full      100   9.9%  loss     2023-11-14 22:13:21  a "
			    "worker's input ring was full"));
	CU_ASSERT_TRUE(says("eth0  strange          0   0.0%  other"));
	CU_ASSERT_EQUAL(run("port drops eth1 -o csv"), 0);
	CU_ASSERT_TRUE(says("eth1,front,missed,,,loss,,"));
	CU_ASSERT_TRUE(says("this port cannot tell"));
	CU_ASSERT_EQUAL(run("port drops -o jsonl"), 0);
	CU_ASSERT_EQUAL(lines(), 3 * 6);
}

/* Between two answers lies one second of theirs. */
static void test_port_top_makes_rates_of_two_answers(void)
{
	asked = 0;
	CU_ASSERT_EQUAL(run("port top --interval 0.05 -o csv"), 0);
	CU_ASSERT_EQUAL(lines(), 5);
	CU_ASSERT_TRUE(
		says("port,eth0,front,up,1000.0,800000.0,10.0,100.0,,,,,,,,1700000002000000"));
	CU_ASSERT_TRUE(says("port,eth1,front,up,0.0,0.0,,0.0,"));
	CU_ASSERT_TRUE(says("worker,0,,,1000.0,,,,0.25,3,512,7,1024,42,1000,"));
	asked = 0;
	CU_ASSERT_EQUAL(run("port top eth0 --interval 50ms 2>/dev/null"), 0);
	CU_ASSERT_TRUE(says("port    eth0  front  up          1000  800.0K        10      100"));
	CU_ASSERT_TRUE(says("25.0%     3  512     42\n"));
	CU_ASSERT_EQUAL(run("port top --interval 10ms --count 3 -o jsonl"), 0);
	CU_ASSERT_EQUAL(lines(), 3 * 4);
	CU_ASSERT_EQUAL(run("port top --interval 0 2>&1"), 2);
}

/* On a terminal until somebody ends it. */
static void test_port_top_redraws_on_a_terminal(void)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "TERM=xterm script -qec \"timeout -s INT --foreground 1 '%s' --socket %s port top "
		 "--interval 0.2\" /dev/null",
		 weirctl, path);
	run_command(command);
	CU_ASSERT_TRUE(says("\033[H\033[2J"));
	CU_ASSERT_PTR_NOT_NULL(strstr(strstr(output, "\033[2J") + 4, "\033[2J"));
}

static void test_watch_shows_records_as_they_were_sent(void)
{
	char expected[WEIR_JSON_MAX];
	struct weir_flow_rec r = rec_of(0);

	expected[weir_flow_rec_json(expected, &r)] = '\0';
	CU_ASSERT_EQUAL(run("flow watch -o jsonl --limit 10"), 0);
	CU_ASSERT_EQUAL(lines(), 10);
	CU_ASSERT_EQUAL(strncmp(output, expected, strlen(expected)), 0);
	CU_ASSERT_EQUAL(run("flow watch --limit 2 2>/dev/null"), 0);
	CU_ASSERT_EQUAL(lines(), 2);
	CU_ASSERT_TRUE(says("10.0.0.1:40001  192.168.0.1:53"));
	CU_ASSERT_EQUAL(run("flow watch --limit 2 -o json | python3 -c 'import json,sys; "
			    "print(len(json.load(sys.stdin)))'"),
			0);
	CU_ASSERT_STRING_EQUAL(output, "2\n");
}

static void test_watch_filters(void)
{
	CU_ASSERT_EQUAL(run("flow watch -o jsonl --protocol tcp --limit 5"), 0);
	CU_ASSERT_EQUAL(lines(), 5);
	CU_ASSERT_PTR_NULL(strstr(output, "\"protocol\":17"));
	CU_ASSERT_EQUAL(run("flow watch -o jsonl --where 'byte_rx >= 7000' --limit 3"), 0);
	CU_ASSERT_EQUAL(lines(), 3);
	CU_ASSERT_EQUAL(run("flow watch -o jsonl --ip 10.0.0.8/30 --limit 2"), 0);
	CU_ASSERT_TRUE(says("10.0.0.9"));
	CU_ASSERT_EQUAL(run("flow watch --store x 2>&1"), 2);
}

/* Those who read a pipe do not wait for a page to be full. */
static void test_watch_shows_at_once_and_ends_on_a_signal(void)
{
	CU_ASSERT_EQUAL(run_under("timeout --preserve-status -s INT 1", "flow watch 2>/dev/null"),
			0);
	CU_ASSERT_EQUAL(lines(), 10);
	CU_ASSERT_EQUAL(run("flow watch -o jsonl | head -n 1"), 0);
	CU_ASSERT_EQUAL(lines(), 1);
	touch("ends");
	CU_ASSERT_EQUAL(run("flow watch -o jsonl 2>&1"), 6);
	CU_ASSERT_TRUE(says("flow watch: the agent ended"));
	untouch("ends");
}

static void test_a_record_survives_its_json(void)
{
	char before[WEIR_JSON_MAX], after[WEIR_JSON_MAX];

	for (unsigned int i = 0; i < 5; i++) {
		struct weir_flow_rec r = rec_of(i), back;
		json_t *object;

		before[weir_flow_rec_json(before, &r)] = '\0';
		object = json_loads(before, 0, NULL);
		CU_ASSERT_TRUE(rec_from_json(&back, object));
		after[weir_flow_rec_json(after, &back)] = '\0';
		CU_ASSERT_STRING_EQUAL(before, after);
		json_decref(object);
	}
}

/* What tcpdump reads of the file, and whether it finds the file whole. */
static unsigned int packets_in(const char *name)
{
	char command[300];

	snprintf(command, sizeof(command), "tcpdump -nr '%s' 2>&1 | grep -v '^reading'", name);
	run_command(command);
	CU_ASSERT_PTR_NULL(strstr(output, "truncated"));
	CU_ASSERT_PTR_NULL(strstr(output, "tcpdump:"));
	return lines();
}

static int run_capture(const char *words)
{
	char arguments[400];

	snprintf(arguments, sizeof(arguments), "capture %s -w %s 2>&1", words, file);
	return run(arguments);
}

static void test_capture_writes_a_file_and_says_what_was_lost(void)
{
	struct stat st;

	unlink(file);
	CU_ASSERT_EQUAL(run_capture("eth0 arp or ip -c 123 -s 96 --comment 'a test'"), 0);
	CU_ASSERT_TRUE(says("123 packets captured to "));
	CU_ASSERT_TRUE(says("eth0: 130 matched, 7 dropped for want of room\n"));
	CU_ASSERT_EQUAL(packets_in(file), 123);
	CU_ASSERT_EQUAL(stat(file, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(run_capture("front -c 2"), 0); /* over it; a tap's name */
	CU_ASSERT_EQUAL(packets_in(file), 2);
}

static void test_capture_ends_whole_on_a_signal(void)
{
	char arguments[300];

	snprintf(arguments, sizeof(arguments), "capture eth0 -w %s 2>&1", file);
	CU_ASSERT_EQUAL(run_under("timeout --preserve-status -s INT 1", arguments), 0);
	CU_ASSERT_TRUE(says("23 packets captured to "));
	CU_ASSERT_EQUAL(packets_in(file), 23);
	CU_ASSERT_EQUAL(run_under("timeout --preserve-status -s TERM 1", arguments), 0);
	CU_ASSERT_EQUAL(packets_in(file), 23);
}

static void test_capture_of_an_agent_that_dies_is_partial_and_whole(void)
{
	CU_ASSERT_EQUAL(run_capture("eth0 dies -c 5"), 7);
	CU_ASSERT_TRUE(says("the agent ended before the capture did"));
	CU_ASSERT_EQUAL(packets_in(file), 5);
}

static void test_capture_goes_to_a_pipe(void)
{
	CU_ASSERT_EQUAL(
		run("capture eth0 -c 9 -w - 2>/dev/null | tcpdump -nr - 2>/dev/null | wc -l"), 0);
	CU_ASSERT_EQUAL(atoi(output), 9);
	CU_ASSERT_EQUAL(run("capture eth0 -w - 2>&1 | head -c 10 | wc -c"),
			0); /* and then silence */
	CU_ASSERT_EQUAL(run("capture eth0 -c 20000 -w - 2>&1 | head -c 10 | wc -c"), 0);
	CU_ASSERT_EQUAL(atoi(output), 10);
}

static void test_capture_refuses_what_makes_no_sense(void)
{
	char command[1024];

	unlink(file);
	CU_ASSERT_EQUAL(run_capture("eth0 bad"), 2);
	CU_ASSERT_TRUE(says("weirctl: filter bad: syntax error\n"));
	CU_ASSERT_EQUAL(access(file, F_OK), -1);
	CU_ASSERT_EQUAL(run_capture("eth9"), 4);
	CU_ASSERT_EQUAL(run("capture eth0 2>&1"), 2);
	CU_ASSERT_TRUE(says("needs -w FILE"));
	CU_ASSERT_EQUAL(run("capture -w x 2>&1"), 2);
	CU_ASSERT_EQUAL(run("capture eth0 -w x --for never 2>&1"), 2);
	CU_ASSERT_EQUAL(run("capture eth0 -w x -s 15 2>&1"), 2);
	CU_ASSERT_EQUAL(run("capture eth0 -c 1 -w /nonexistent/x 2>&1"), 1);
	snprintf(command, sizeof(command),
		 "script -qec \"'%s' --socket %s capture eth0 -w -\" /dev/null", weirctl, path);
	CU_ASSERT_EQUAL(run_command(command), 2);
	CU_ASSERT_TRUE(says("is not for a terminal"));
}

static void test_capture_writes_through_no_link_to_a_device(void)
{
	char link[160], arguments[400];

	snprintf(link, sizeof(link), "%s/link", dir);
	CU_ASSERT_EQUAL(symlink("/dev/null", link), 0);
	snprintf(arguments, sizeof(arguments), "capture eth0 -c 1 -w %s 2>&1", link);
	CU_ASSERT_EQUAL(run(arguments), 5);
	CU_ASSERT_TRUE(says("is a link to something else"));
	unlink(link);
	CU_ASSERT_EQUAL(run("capture eth0 -c 1 -w /dev/full 2>&1"), 5);
	CU_ASSERT_EQUAL(run("capture eth0 -c 1 -w /dev/null 2>&1"), 0);
	CU_ASSERT_EQUAL(symlink(file, link), 0);
	CU_ASSERT_EQUAL(run(arguments), 0);
	CU_ASSERT_EQUAL(packets_in(file), 1);
	unlink(link);
}

/* The kernel refuses a write beyond the limit with EFBIG, as a full disk does with ENOSPC. */
static void test_capture_to_a_full_disk_leaves_a_whole_file(void)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "trap '' XFSZ; ulimit -f 64; '%s' --socket %s capture eth0 -c 5000 -w %s 2>&1",
		 weirctl, path, file);
	CU_ASSERT_EQUAL(run_command(command), 1);
	CU_ASSERT_TRUE(says("File too large; it holds what came before"));
	CU_ASSERT(packets_in(file) > 0);
}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{ "(an agent is started)", start },
		{ "status of a box that is well", test_status_of_a_box_that_is_well },
		{ "status with a warning is no failure", test_status_with_a_warning_is_no_failure },
		{ "status names the first broken hop in its last line",
		  test_status_names_the_first_broken_hop_in_its_last_line },
		{ "status is coloured on a terminal only",
		  test_status_is_coloured_on_a_terminal_only },
		{ "status has all formats for programs", test_status_for_programs },
		{ "an agent that is not there is exit 6",
		  test_an_agent_that_is_not_there_is_exit_6 },
		{ "port list says unknown where nothing is known",
		  test_port_list_says_unknown_where_nothing_is_known },
		{ "port show takes ports and taps", test_port_show_takes_ports_and_taps },
		{ "port drops is a waterfall", test_port_drops_is_a_waterfall },
		{ "port top makes rates of two answers", test_port_top_makes_rates_of_two_answers },
		{ "port top redraws on a terminal", test_port_top_redraws_on_a_terminal },
		{ "watch shows records as they were sent",
		  test_watch_shows_records_as_they_were_sent },
		{ "watch filters", test_watch_filters },
		{ "watch shows at once and ends on a signal",
		  test_watch_shows_at_once_and_ends_on_a_signal },
		{ "a record survives its JSON", test_a_record_survives_its_json },
		{ "capture writes a file and says what was lost",
		  test_capture_writes_a_file_and_says_what_was_lost },
		{ "capture ends whole on a signal", test_capture_ends_whole_on_a_signal },
		{ "a capture of an agent that dies is partial and whole",
		  test_capture_of_an_agent_that_dies_is_partial_and_whole },
		{ "a capture goes to a pipe", test_capture_goes_to_a_pipe },
		{ "capture refuses what makes no sense", test_capture_refuses_what_makes_no_sense },
		{ "capture writes through no link to a device",
		  test_capture_writes_through_no_link_to_a_device },
		{ "capture to a full disk leaves a whole file",
		  test_capture_to_a_full_disk_leaves_a_whole_file },
		{ "(the agent ends)", end },
		CU_TEST_INFO_NULL,
	};
	int status_;

	if (argc != 2 || mkdtemp(dir) == NULL)
		return 2;
	weirctl = argv[1];
	signal(SIGINT, SIG_DFL); /* a shell's background programs, and theirs, would not hear it */
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	snprintf(file, sizeof(file), "%s/capture.pcapng", dir);
	status_ = weir_test_main("ctl/agent", tests);
	unlink(file);
	rmdir(dir);
	return status_;
}
