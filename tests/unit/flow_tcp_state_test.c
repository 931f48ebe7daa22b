/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_perf_test.h"
#include "weir_test.h"

#include <stdio.h>
#include <stdlib.h>

#define STATES  18
#define EVENTS  6
#define MISSING -1

/* The tables of spec 4.5 as text. Columns: SYN, SYN|ACK, FIN*, RST*, pure ACK, ACK with PSH. */
/* clang-format off */
static const char *const master_text[] = {
	"Raw: Opening1/opening - ClosingTx1/closing Reset/closing Established/established Established/established",
	"Opening1: Opening1/opening - ClosingTx1/closing EstablishReset/closing Established/established Established/established",
	"Opening2: Opening2/opening - ClosingTx1/closing OpeningRst/opening_rst Established/established Established/established",
	"Established: Established/established - ClosingTx1/closing Reset/established_rst Established/established Established/established",
	"ClosingTx1: ClosingTx1/closing ClosingTx1/closing ClosingTx1/closing Reset/closing ClosingTx1/closing ClosingTx1/closing",
	"ClosingTx2: ClosingTx2/closing ClosingTx2/closing ClosingTx2/closing Reset/closed_fin Closed/closed_fin -",
	"ClosingRx1: ClosingRx1/closing ClosingRx1/closing ClosingRx2/closing Reset/closing ClosingRx1/closing ClosingRx1/closing",
	"ClosingRx2: ClosingRx2/closing ClosingRx2/closing ClosingRx2/closing Reset/closed_fin ClosingRx2/closing ClosingRx2/closing",
	"Closed: - - - - Closed/closed_fin -",
	"Reset: self/exception self/exception self/exception self/exception self/exception self/exception",
	"Exception: - - - - - -",
	"ServerReset: self/exception self/exception self/exception self/exception self/exception self/exception",
	"ServerCandidateQueueLack: self/exception self/exception self/exception self/exception self/exception self/exception",
	"ClientL4PortReuse: self/exception self/exception self/exception self/exception self/exception self/exception",
	"EstablishReset: self/exception self/exception self/exception self/exception self/exception self/exception",
	"Syn1: Opening1/opening - ClosingTx1/closing ClientL4PortReuse/closing Established/established Established/established",
	"SynAck1: Established/established - ClosingTx1/closing Reset/closing SynAck1/established SynAck1/established",
	"OpeningRst: self/opening_rst self/opening_rst self/opening_rst self/opening_rst self/opening_rst self/opening_rst",
};

static const char *const slave_text[] = {
	"Raw: - Opening2/opening ClosingRx1/closing - - -",
	"Opening1: - Opening2/opening ClosingRx1/closing ServerReset/closing Syn1/opening Syn1/opening",
	"Opening2: - Opening2/opening ClosingRx1/closing EstablishReset/closing - -",
	"Established: - SynAck1/established ClosingRx1/closing - - -",
	"ClosingTx1: - - ClosingTx2/closing - - -",
	"ClosingTx2: - - - - ClosingTx2/closing ClosingTx2/closing",
	"ClosingRx1: - - ClosingRx1/closing - - -",
	"ClosingRx2: - - - - Closed/closed_fin -",
	"Closed: - - - - Closed/closed_fin -",
	"Syn1: - Opening2/opening ClosingRx1/closing EstablishReset/closing Syn1/opening Syn1/opening",
	"SynAck1: - SynAck1/established ClosingRx1/closing ServerCandidateQueueLack/established_rst Established/established Established/established",
	"OpeningRst: self/opening_rst self/opening_rst self/opening_rst self/opening_rst self/opening_rst self/opening_rst",
};
/* clang-format on */

static const char *const state_names[STATES] = {
	[ST_RAW] = "Raw",
	[ST_OPENING1] = "Opening1",
	[ST_OPENING2] = "Opening2",
	[ST_ESTABLISHED] = "Established",
	[ST_CLOSING_TX1] = "ClosingTx1",
	[ST_CLOSING_TX2] = "ClosingTx2",
	[ST_CLOSING_RX1] = "ClosingRx1",
	[ST_CLOSING_RX2] = "ClosingRx2",
	[ST_CLOSED] = "Closed",
	[ST_RESET] = "Reset",
	[ST_EXCEPTION] = "Exception",
	[ST_SERVER_RESET] = "ServerReset",
	[ST_SERVER_CANDIDATE_QUEUE_LACK] = "ServerCandidateQueueLack",
	[ST_CLIENT_PORT_REUSE] = "ClientL4PortReuse",
	[ST_ESTABLISH_RESET] = "EstablishReset",
	[ST_SYN1] = "Syn1",
	[ST_SYN_ACK1] = "SynAck1",
	[ST_OPENING_RST] = "OpeningRst",
};

static const char *const timeout_names[TO_COUNT] = {
	[TO_OPENING] = "opening",         [TO_ESTABLISHED] = "established",
	[TO_CLOSING] = "closing",         [TO_ESTABLISHED_RST] = "established_rst",
	[TO_EXCEPTION] = "exception",     [TO_CLOSED_FIN] = "closed_fin",
	[TO_OPENING_RST] = "opening_rst",
};

/* Every combination of the low six flags that the specification names, by column. */
static const struct {
	uint8_t flags;
	unsigned int event;
} named[] = {
	{ 0x02, 0 }, { 0x12, 1 },              /* SYN, SYN|ACK */
	{ 0x01, 2 }, { 0x11, 2 }, { 0x19, 2 }, /* FIN, FIN|ACK, FIN|PSH|ACK */
	{ 0x04, 3 }, { 0x14, 3 }, { 0x1c, 3 }, /* RST, RST|ACK, RST|PSH|ACK */
	{ 0x10, 4 }, { 0x18, 5 }, { 0x38, 5 }, /* ACK, PSH|ACK, PSH|ACK|URG */
};

struct goal {
	int state, timeout; /* MISSING = no cell */
};

static int index_of(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	printf("\n    no such name: %s", name);
	CU_FAIL_FATAL("a name of the tables is unknown");
	return MISSING;
}

static struct goal goal_of(int self, char *cell)
{
	char *slash = strchr(cell, '/');
	struct goal g = { MISSING, MISSING };

	if (slash == NULL)
		return g;
	*slash = '\0';
	g.state = strcmp(cell, "self") == 0 ? self : index_of(state_names, STATES, cell);
	g.timeout = index_of(timeout_names, TO_COUNT, slash + 1);
	return g;
}

static void parse(const char *const *text, size_t n, struct goal table[STATES][EVENTS])
{
	for (int s = 0; s < STATES; s++) {
		for (int e = 0; e < EVENTS; e++)
			table[s][e] = (struct goal){ MISSING, MISSING };
	}
	for (size_t i = 0; i < n; i++) {
		char row[256], *save, *cell;
		int state, e = 0;

		snprintf(row, sizeof(row), "%s", text[i]);
		state = index_of(state_names, STATES, strtok_r(row, ":", &save));
		while ((cell = strtok_r(NULL, " ", &save)) != NULL && e < EVENTS)
			table[state][e++] = goal_of(state, cell);
		CU_ASSERT_EQUAL_FATAL(e, EVENTS);
	}
}

static void run(int state, uint8_t flags, bool from_client, struct weir_flow *f)
{
	struct weir_pkt p = { .tcp_flags = flags, .flags = WEIR_PKT_IP | WEIR_PKT_L4 };

	memset(f, 0, sizeof(*f));
	f->proto = IPPROTO_TCP;
	f->state = (uint8_t)state;
	weir_tcp_state_update(f, &p, from_client ? 0 : 1);
}

static void check(int state, uint8_t flags, bool from_client, struct goal g)
{
	struct weir_flow f;

	if (g.state == MISSING)
		g = (struct goal){ ST_EXCEPTION, TO_EXCEPTION };
	run(state, flags, from_client, &f);
	if (f.state != g.state || f.timeout != g.timeout)
		printf("\n    %s, flags 0x%02x of the %s: %s/%s, expected %s/%s",
		       state_names[state], flags, from_client ? "client" : "server",
		       state_names[f.state], timeout_names[f.timeout], state_names[g.state],
		       timeout_names[g.timeout]);
	CU_ASSERT_EQUAL(f.state, g.state);
	CU_ASSERT_EQUAL(f.timeout, g.timeout);
}

static void test_every_cell_is_the_specifications(void)
{
	struct goal master[STATES][EVENTS], slave[STATES][EVENTS];

	parse(master_text, WEIR_ARRAY_SIZE(master_text), master);
	parse(slave_text, WEIR_ARRAY_SIZE(slave_text), slave);
	for (int s = 0; s < STATES; s++) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(named); i++) {
			struct goal m = master[s][named[i].event], v = slave[s][named[i].event];

			check(s, named[i].flags, true, m);
			check(s, named[i].flags, false, v.state != MISSING ? v : m);
		}
	}
}

static void test_other_combinations_of_flags_are_exceptions(void)
{
	const struct goal none = { MISSING, MISSING };

	for (unsigned int flags = 0; flags < 64; flags++) {
		bool is_named = false;

		for (size_t i = 0; i < WEIR_ARRAY_SIZE(named); i++)
			is_named |= named[i].flags == flags;
		for (int s = 0; s < STATES && !is_named; s++) {
			check(s, (uint8_t)flags, true, none);
			check(s, (uint8_t)flags, false, none);
		}
	}
}

static void test_ece_and_cwr_change_nothing(void)
{
	check(ST_RAW, 0xc2, true, (struct goal){ ST_OPENING1, TO_OPENING });
	check(ST_OPENING1, 0x52, false, (struct goal){ ST_OPENING2, TO_OPENING });
}

static void test_a_later_fragment_leaves_the_state(void)
{
	struct weir_pkt p = { .flags = WEIR_PKT_IP | WEIR_PKT_FRAGMENT | WEIR_PKT_LATER_FRAGMENT };
	struct weir_flow f = { .proto = IPPROTO_TCP, .state = ST_ESTABLISHED };

	f.timeout = TO_ESTABLISHED;
	weir_tcp_state_update(&f, &p, 0);
	CU_ASSERT_EQUAL(f.state, ST_ESTABLISHED);
	CU_ASSERT_EQUAL(f.timeout, TO_ESTABLISHED);
}

/* Spec 4.3: UDP waits 5 s (opening) until both were seen, then 5 s (closing); others 5 s, then 35 s. */
static void test_other_protocols_wait_by_what_was_seen(void)
{
	struct weir_flow udp = { .proto = IPPROTO_UDP, .flags = FLOW_SEEN_0 };
	struct weir_flow gre = { .proto = IPPROTO_GRE, .flags = FLOW_SEEN_1 };

	weir_other_state_update(&udp);
	weir_other_state_update(&gre);
	CU_ASSERT_EQUAL(udp.timeout, TO_OPENING);
	CU_ASSERT_EQUAL(gre.timeout, TO_OPENING);
	udp.flags |= FLOW_SEEN_1;
	gre.flags |= FLOW_SEEN_0;
	weir_other_state_update(&udp);
	weir_other_state_update(&gre);
	CU_ASSERT_EQUAL(udp.timeout, TO_CLOSING);
	CU_ASSERT_EQUAL(gre.timeout, TO_ESTABLISHED_RST);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "every cell is the specification's", test_every_cell_is_the_specifications },
		{ "other combinations of flags are exceptions",
		  test_other_combinations_of_flags_are_exceptions },
		{ "ECE and CWR change nothing", test_ece_and_cwr_change_nothing },
		{ "a later fragment leaves the state", test_a_later_fragment_leaves_the_state },
		{ "other protocols wait by what was seen",
		  test_other_protocols_wait_by_what_was_seen },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("flow/tcp_state", tests);
}
