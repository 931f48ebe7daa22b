/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settings and people write to choose packets and names, made ready or refused: pcap expressions
 * (man pcap-filter) and regular expressions (man pcre2pattern). No DPDK: who only checks, as the
 * controller does, needs no more. lib/filter runs the programs over frames.
 */
#ifndef WEIR_PATTERN_H
#define WEIR_PATTERN_H

#include <weir_base.h>
#include <weir_conf.h>
#include <weir_pkt.h>

struct bpf_program; /* <pcap/bpf.h> */

#define WEIR_PATTERN_TEXT_MAX 2047 /* bytes of an expression */
#define WEIR_PATTERN_PCAP_MAX 4093 /* instructions: with three of ours what the kernel takes */

/* One program a link type; BSD loopback in network byte order has the last. */
enum { WEIR_PATTERN_LOOP = WEIR_LINKS, WEIR_PATTERN_PROGRAMS };

/*
 * Have libpcap compile an expression for frames of a link type (or WEIR_PATTERN_LOOP), its optimiser on,
 * as `tcpdump -r` does. Names of hosts, networks and ports are looked up, once, by the system's
 * resolver. `out` is freed with pcap_freecode().
 *
 * 0; with `err`, which names the expression and what to write instead where that is known: -EINVAL it is
 * none, or has a loop or an offset no packet has; -E2BIG it is too long, or its program is; -ENOMEM.
 *
 * Any thread that may block and allocate, several at once: libpcap is called under a lock. Takes some
 * 0.3 ms, and seconds for the longest; a name that nobody answers for takes as long as the resolver waits.
 */
int weir_pattern_pcap(const char *text, unsigned int link, struct bpf_program *out,
		      struct weir_err *err);

/* Is it an expression for Ethernet frames? As weir_pattern_pcap(). */
int weir_pattern_pcap_check(const char *text, struct weir_err *err);

/* "filter "TEXT": " and the reason, on one line. Returns -code. */
int weir_pattern_refuse(struct weir_err *err, int code, const char *text, const char *reason);

/*
 * Is `pattern` a regular expression, of PCRE2? 0, or -EINVAL with what is wrong and where. Any thread
 * that may allocate.
 */
int weir_regex_check(const char *pattern, struct weir_err *err);

/* A regular expression to match with; NULL with `err` set as weir_regex_check() says. One thread at a time. */
struct weir_regex;
struct weir_regex *weir_regex_create(const char *pattern, struct weir_err *err);
/* Does it match somewhere in `text`? What takes too many steps does not. */
bool weir_regex_matches(struct weir_regex *re, const char *text);
void weir_regex_destroy(struct weir_regex *re);

/* For weir_conf_rules: are the expressions that a group's file gives any? */
void weir_pattern_group_rules(const struct weir_group_conf *conf, const char *name,
			      struct weir_err_list *errs);

#endif
