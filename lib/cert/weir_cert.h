/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate files of either end of a TLS connection: read and checked as one, and looked at again while they are
 * used. Who speaks TLS with them is rpc (gRPC's) and http (OpenSSL's).
 */
#ifndef WEIR_CERT_H
#define WEIR_CERT_H

#include <weir_base.h>

/*
 * Certificates, as paths of PEM files; several may be the same file. They are looked at again every
 * `check_ms`: changed and good ones serve the connections made from then on, changed and bad ones are
 * said in the log, once, and those before stay in force.
 */
struct weir_cert_files {
	const char
		*ca; /* who may have signed the peer's; NULL = those of the system (client only) */
	const char *cert;      /* our own, then its issuers; client: NULL = none */
	const char *key;       /* of the first in `cert` */
	unsigned int check_ms; /* 0 = 10000 */
};

/* Their text. NULL: no file was named. */
struct weir_cert_pem {
	char *ca, *cert, *key;
};

/*
 * Read and check them: there, PEM, in force now, key and certificate belong together. 0, or -errno with `err`
 * naming the file, and what to do. Any thread.
 */
int weir_cert_read(const struct weir_cert_files *files, struct weir_cert_pem *pem,
		   struct weir_err *err);
void weir_cert_pem_free(struct weir_cert_pem *pem); /* the key is wiped */
int weir_cert_check(const struct weir_cert_files *files,
		    struct weir_err *err); /* the same, kept by nobody */

struct event_base;
struct weir_cert_watch;

/* Read them now, and again: `changed` comes from the loop. NULL with `err`. Loop's thread, as below. */
struct weir_cert_watch *weir_cert_watch_open(struct event_base *base,
					     const struct weir_cert_files *files,
					     void (*changed)(void *user), void *user,
					     struct weir_err *err);
const struct weir_cert_pem *weir_cert_watch_pem(
	const struct weir_cert_watch *watch);              /* until `changed` */
void weir_cert_watch_close(struct weir_cert_watch *watch); /* NULL is fine */

#endif
