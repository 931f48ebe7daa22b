/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the session without a network: choice of a server, timers, NTP packets, files. */
#include "weir_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sync_priv.h>
#include <sys/stat.h>
#include <unistd.h>

#define S WEIR_NS_PER_S

/* The table of the protocol's specification, row by row. */
static void test_servers_are_chosen_as_specified(void)
{
	struct weir_sync_choice c = { .controllers = 3 };

	CU_ASSERT_TRUE(weir_sync_choose(&c, false, false)); /* nothing -> controller 0 */
	CU_ASSERT_EQUAL(c.on, WEIR_SYNC_ON_CONTROLLER);
	CU_ASSERT_EQUAL(c.at, 0);
	CU_ASSERT_FALSE(weir_sync_choose(&c, true, false)); /* no proxy is named */
	CU_ASSERT_TRUE(weir_sync_choose(&c, false, true));  /* failed -> the next one */
	CU_ASSERT_EQUAL(c.at, 1);
	CU_ASSERT_TRUE(weir_sync_choose(&c, true, true)); /* ok -> proxy */
	CU_ASSERT_EQUAL(c.on, WEIR_SYNC_ON_PROXY);
	CU_ASSERT_FALSE(weir_sync_choose(&c, true, true)); /* ok -> stays */
	CU_ASSERT_TRUE(weir_sync_choose(&c, false, true)); /* failed -> the same controller */
	CU_ASSERT_EQUAL(c.on, WEIR_SYNC_ON_CONTROLLER);
	CU_ASSERT_EQUAL(c.at, 1);
	CU_ASSERT_TRUE(weir_sync_choose(&c, false, true));
	CU_ASSERT_EQUAL(c.at, 2);
	CU_ASSERT_TRUE(weir_sync_choose(&c, false, true)); /* round */
	CU_ASSERT_EQUAL(c.at, 0);
}

static void test_one_controller_is_tried_again(void)
{
	struct weir_sync_choice c = { .controllers = 1 };

	CU_ASSERT_TRUE(weir_sync_choose(&c, false, false));
	CU_ASSERT_FALSE(weir_sync_choose(&c, false, false));
	CU_ASSERT_EQUAL(c.at, 0);
}

static void test_the_escape_time_is_over_once(void)
{
	struct weir_sync_escape e;

	weir_sync_escape_arm(&e, 100 * S, 600 * S);
	CU_ASSERT_FALSE(weir_sync_escape_check(&e, 699 * S));
	CU_ASSERT_TRUE(weir_sync_escape_check(&e, 700 * S));
	CU_ASSERT_FALSE(weir_sync_escape_check(&e, 701 * S));
	weir_sync_escape_arm(&e, 710 * S, 600 * S);
	CU_ASSERT_FALSE(weir_sync_escape_check(&e, 711 * S));
	CU_ASSERT_TRUE(weir_sync_escape_check(&e, 2000 * S));
}

static void test_waits_double_and_differ(void)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		const uint64_t w = weir_sync_backoff(2 * S, 60 * S, 3, i * 0x9e3779b97f4a7c15);

		low = w < low ? w : low;
		high = w > high ? w : high;
	}
	CU_ASSERT_TRUE(low >= 4 * S && low < 5 * S);
	CU_ASSERT_TRUE(high <= 8 * S && high > 7 * S);
	CU_ASSERT_EQUAL(weir_sync_backoff(2 * S, 60 * S, 1, 0), 2 * S);
	CU_ASSERT_EQUAL(weir_sync_backoff(2 * S, 60 * S, 2, 0), 4 * S);
	CU_ASSERT_EQUAL(weir_sync_backoff(2 * S, 60 * S, 4000000000, 0), 60 * S);
}

/*
 * Sent at 12:00:00.0 (UTC, 2026-06-01), arrives at 12:01:00.5 by the server's clock, leaves it at
 * 12:01:00.75, is back at 12:00:01.25: ((60.5) + (59.5)) / 2 = 60 s. Numbers from RFC 5905's formula by hand.
 */
static const uint64_t sent = 1780315200 * S, got = 1780315201 * S + S / 4;
static const uint8_t answer[48] = {
	0x24, 2,    0,    0,    0,    0, 0, 0, /* version 4, server; stratum 2 */
	0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* reference */
	1,    2,    3,    4,    5,    6, 7, 8,                         /* originate: our mark */
	0xed, 0xc7, 0xf2, 0xfc, 0x80, 0, 0, 0, /* 1780315260 + 2208988800, .5 */
	0xed, 0xc7, 0xf2, 0xfc, 0xc0, 0, 0, 0, /* .75 */
};
#define MARK UINT64_C(0x0102030405060708)

static int check(const uint8_t *packet, size_t len, int64_t *offset)
{
	struct weir_err err = { 0 };

	return weir_sync_ntp_answer(packet, len, MARK, sent, got, offset, &err);
}

static void test_an_ntp_answer_gives_the_offset(void)
{
	int64_t offset = 0;
	uint8_t request[48];

	weir_sync_ntp_request(request, MARK);
	CU_ASSERT_EQUAL(request[0], 0x23); /* version 4, client */
	CU_ASSERT_EQUAL(memcmp(request + 40, answer + 24, 8), 0);
	CU_ASSERT_EQUAL(check(answer, 48, &offset), 0);
	CU_ASSERT_EQUAL(offset, 60);
}

static void test_an_ntp_answer_that_is_none_is_refused(void)
{
	static const struct {
		uint8_t at, value;
	} changes[] = { { 0, 0x23 }, { 24, 9 }, { 40, 0xec } };
	int64_t offset = 7;
	uint8_t p[48];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(changes); i++) {
		memcpy(p, answer, sizeof(p));
		p[changes[i].at] = changes[i].value;
		CU_ASSERT_EQUAL(check(p, 48, &offset), -EPROTO);
	}
	memcpy(p, answer, sizeof(p));
	memset(p + 40, 0, 8);
	CU_ASSERT_EQUAL(check(p, 48, &offset), -EPROTO);
	CU_ASSERT_EQUAL(check(answer, 47, &offset), -EPROTO);
	CU_ASSERT_EQUAL(check(answer, 0, &offset), -EPROTO);
	CU_ASSERT_EQUAL(offset, 7);
}

static void test_small_drifts_are_left(void)
{
	CU_ASSERT_EQUAL(weir_sync_ntp_judge(0, 9, true, 10 * S, 300 * S), WEIR_SYNC_NTP_KEEP);
	CU_ASSERT_EQUAL(weir_sync_ntp_judge(0, -10, false, 10 * S, 300 * S), WEIR_SYNC_NTP_TAKE);
	CU_ASSERT_EQUAL(weir_sync_ntp_judge(0, 5000, true, 10 * S, 300 * S), WEIR_SYNC_NTP_TAKE);
	CU_ASSERT_EQUAL(weir_sync_ntp_judge(100, 400, false, 10 * S, 300 * S), WEIR_SYNC_NTP_JUMP);
}

static void test_a_file_is_replaced_as_a_whole(void)
{
	char dir[] = P_tmpdir "/weir-sync-XXXXXX", path[64], *text = NULL;
	size_t len = 0;
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kept", dir);
	CU_ASSERT_EQUAL(weir_sync_file_read(path, 10, &text, &len), -ENOENT);
	CU_ASSERT_EQUAL(weir_sync_file_write(path, "one", 3), 0);
	CU_ASSERT_EQUAL(weir_sync_file_write(path, "second", 6), 0);
	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL_FATAL(weir_sync_file_read(path, 6, &text, &len), 0);
	CU_ASSERT_EQUAL(len, 6);
	CU_ASSERT_STRING_EQUAL(text, "second");
	free(text);
	CU_ASSERT_EQUAL(weir_sync_file_read(path, 5, &text, &len), -EFBIG);
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing else was left */
	CU_ASSERT_EQUAL(weir_sync_file_write(path, "x", 1), -ENOENT);
}

/* The way of an agent through a day with its controllers, event by event. */
static void test_each_event_leads_on_from_each_state(void)
{
	static const struct {
		enum weir_sync_event what;
		enum weir_sync_state then;
		const char *word;
	} day[] = {
		{ WEIR_SYNC_ON_UNKNOWN, WEIR_SYNC_RESOLVING, "resolving" },
		{ WEIR_SYNC_ON_MOVED, WEIR_SYNC_CONNECTING,
		  "connecting" }, /* its address is known now */
		{ WEIR_SYNC_ON_UNSPOKEN, WEIR_SYNC_PROBING, "connecting" },
		{ WEIR_SYNC_ON_ANSWERED, WEIR_SYNC_IN_CONTACT, "in contact" },
		{ WEIR_SYNC_ON_MOVED, WEIR_SYNC_IN_CONTACT, "in contact" }, /* to its proxy */
		{ WEIR_SYNC_ON_FAILED, WEIR_SYNC_NO_CONTACT, "no contact" },
		{ WEIR_SYNC_ON_MOVED, WEIR_SYNC_NO_CONTACT, "no contact" }, /* to the next one */
		{ WEIR_SYNC_ON_UNSPOKEN, WEIR_SYNC_PROBING, "connecting" },
		{ WEIR_SYNC_ON_UNSPOKEN, WEIR_SYNC_NO_CONTACT, "no contact" }, /* in neither */
		{ WEIR_SYNC_ON_UNSPOKEN, WEIR_SYNC_PROBING, "connecting" },
		{ WEIR_SYNC_ON_MOVED, WEIR_SYNC_CONNECTING, "connecting" },
		{ WEIR_SYNC_ON_ANSWERED, WEIR_SYNC_IN_CONTACT, "in contact" },
		{ WEIR_SYNC_ON_ANSWERED, WEIR_SYNC_IN_CONTACT, "in contact" },
		{ WEIR_SYNC_ON_UNKNOWN, WEIR_SYNC_RESOLVING, "resolving" },
	};
	enum weir_sync_state is = WEIR_SYNC_CONNECTING;

	CU_ASSERT_TRUE(weir_sync_state_is_good(is)); /* none has failed */
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(day); i++) {
		is = weir_sync_state_next(is, day[i].what);
		CU_ASSERT_EQUAL(is, day[i].then);
		CU_ASSERT_STRING_EQUAL(weir_sync_state_name(is), day[i].word);
		CU_ASSERT_EQUAL(weir_sync_state_is_good(is),
				is != WEIR_SYNC_RESOLVING && is != WEIR_SYNC_NO_CONTACT);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "servers are chosen as specified", test_servers_are_chosen_as_specified },
		{ "one controller is tried again", test_one_controller_is_tried_again },
		{ "the escape time is over once", test_the_escape_time_is_over_once },
		{ "waits double and differ", test_waits_double_and_differ },
		{ "an NTP answer gives the offset", test_an_ntp_answer_gives_the_offset },
		{ "an NTP answer that is none is refused",
		  test_an_ntp_answer_that_is_none_is_refused },
		{ "small drifts are left", test_small_drifts_are_left },
		{ "a file is replaced as a whole", test_a_file_is_replaced_as_a_whole },
		{ "each event leads on from each state", test_each_event_leads_on_from_each_state },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("sync/parts", tests);
}
