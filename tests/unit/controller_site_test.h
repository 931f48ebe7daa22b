/* SPDX-License-Identifier: Apache-2.0 */
/* A site in a directory of its own, and what sqlite3 says of its file. */
#ifndef CONTROLLER_SITE_TEST_H
#define CONTROLLER_SITE_TEST_H

#include "command_test.h"
#include "weir_test.h"

#include <site.h>

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char site_dir[] = P_tmpdir "/weir-site-XXXXXX";
static struct event_base *site_base;
static struct site_options site_options;
static struct site *site;
static struct weir_err site_err;
static const struct site_actor by_test = { "tester", "192.0.2.9", SITE_ADMIN };

/* What a command says; the first %s of `format` is the state's directory, the second `arg`. */
__attribute__((format(printf, 1, 0))) static inline const char *site_shell(const char *format,
									   const char *arg)
{
	static char text[65536], command[8192];

	snprintf(command, sizeof(command), format, site_dir, arg);
	return command_says(command, text, sizeof(text));
}

static inline const char *site_sql_says(const char *sql)
{
	return site_shell("sqlite3 %s/controller.sqlite \"%s\"", sql);
}

/* The loop runs until nothing is left of this turn. */
static inline void site_turn(void)
{
	event_base_loop(site_base, EVLOOP_NONBLOCK);
}

static inline void site_wait(bool (*done)(void))
{
	for (unsigned int i = 0; i < 2000 && !done(); i++) {
		usleep(10000);
		site_turn();
	}
}

static inline struct site *site_try(void)
{
	site_err.code = 0;
	site = site_open(&site_options, &site_err);
	return site;
}

static inline void site_again(void)
{
	site_close(site);
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
}

static inline void site_begin(void)
{
	static const struct site_options none = { 0 };

	memcpy(site_dir + sizeof(site_dir) - 7, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(site_dir));
	site_base = event_base_new();
	site_options = none;
	site_options.base = site_base;
	site_options.dir = site_dir;
	CU_ASSERT_PTR_NOT_NULL_FATAL(site_try());
}

static inline void site_end(void)
{
	site_close(site);
	site = NULL;
	event_base_free(site_base);
	site_shell("rm -rf %s%s", "");
}

/* An agent that calls; `n` makes its address and MAC. */
struct site_caller {
	struct site_hello hello;
	char ip[46], mac[18];
};

static inline struct site_caller *site_caller(unsigned int n)
{
	static struct site_caller c;

	c = (struct site_caller){ 0 };
	snprintf(c.ip, sizeof(c.ip), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	snprintf(c.mac, sizeof(c.mac), "02:00:00:%02x:%02x:%02x", n >> 16 & 255, n >> 8 & 255,
		 n & 255);
	c.hello.ctrl_ip = c.ip;
	c.hello.ctrl_mac = c.mac;
	c.hello.peer = c.ip;
	c.hello.facts.host = "node";
	c.hello.facts.boot_s = 1000000;
	c.hello.facts.revision = "weir 1-abc";
	return &c;
}

static inline struct site_seen site_sync(struct site_caller *c)
{
	struct site_seen seen;

	CU_ASSERT_EQUAL(site_agent_seen(site, &c->hello, false, &seen, &site_err), 0);
	return seen;
}

static inline const struct site_agent *site_registered(unsigned int n)
{
	return site_sync(site_caller(n)).agent;
}

#endif
