/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side: DeepFlow's routes and envelope (control plane, 6.1), /api/v1, health and metrics; who may, and what
 * is written down of it. Loop's thread.
 */
#ifndef API_H
#define API_H

#include <inventory.h>
#include <serve.h>
#include <site.h>

#include <stdio.h>

struct api;

struct api_options {
	struct event_base *base;
	struct site *site;
	struct inventory *inventory;
	struct serve *serve;
	const char *listen;     /* ADDRESS:PORT */
	const char *cert, *key; /* PEM files: TLS; NULL or "" = none */
	const char *own_ip;     /* CONTROLLER_IP of agents; "" = 127.0.0.1 */
	const char *region;     /* its name; NULL = "default" */
	bool local_root; /* root and our own user need no token on loopback, also when there are tokens */
};

/*
 * EPERM with `err`: an address that is not loopback, with neither a token nor TLS. Until there is a token, only who the
 * kernel says is root or the controller's own user, on loopback, may change anything.
 */
struct api *api_start(const struct api_options *o, struct weir_err *err);
void api_stop(struct api *a); /* NULL is fine */
uint16_t api_port(const struct api *a);

/* The table of routes as an OpenAPI file. Any thread. */
void api_openapi_print(FILE *to);

#endif
