/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may. A token says who asks and its role. Without one only loopback is served: while there are no tokens everybody
 * there may read, and root or our own user, as the kernel says of the peer's socket, may change; once there is a token
 * nobody may without, but for these two where the configuration says `local_root`.
 *
 * Who needs no token is asked for two things that a browser lured to this machine cannot have: a Host that is a number or
 * localhost (else a name of the attacker's could point here), and no foreign Origin.
 */
#include "api_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

/* The host of "HOST:PORT" or "[HOST]:PORT". */
static bool is_here(const char *host)
{
	const bool bracket = host[0] == '[';
	const size_t n = strcspn(host + bracket, bracket ? "]" : ":");
	struct in6_addr address;
	char name[64];

	if (n >= sizeof(name) || (bracket && host[n + 1] != ']'))
		return false;
	memcpy(name, host + bracket, n);
	name[n] = '\0';
	return strcasecmp(name, "localhost") == 0 ||
	       inet_pton(bracket ? AF_INET6 : AF_INET, name, &address) == 1;
}

static bool is_ours(const struct weir_http_request *rq)
{
	const char *host = weir_http_header(rq, "Host");

	return host == NULL || is_here(host);
}

/* What a browser sends along on behalf of another page. */
static bool is_foreign(const struct weir_http_request *rq)
{
	const char *origin = weir_http_header(rq, "Origin");
	const char *site = weir_http_header(rq, "Sec-Fetch-Site");
	const char *host = weir_http_header(rq, "Host");
	const char *name;

	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return true;
	if (origin == NULL)
		return false;
	name = strstr(origin, "://");
	return name == NULL || host == NULL || strcasecmp(name + 3, host) != 0;
}

static bool is_local_root(const struct weir_http_request *rq)
{
	uid_t uid;

	return weir_http_peer_uid(rq, &uid) == 0 && (uid == 0 || uid == geteuid());
}

static int refuse(int *status, const char **why, int code, const char *text)
{
	*status = code;
	*why = text;
	return 0;
}

static int role_of_token(struct api *a, const char *header, char *who, size_t size, int *status,
			 const char **why)
{
	const struct site_token *t = NULL;

	if (strncasecmp(header, "Bearer ", 7) == 0)
		t = site_token_of(a->site, header + 7 + strspn(header + 7, " "));
	if (t == NULL)
		return refuse(status, why, 401,
			      "this token is not known, or has expired: weirctl token list shows "
			      "those there are");
	snprintf(who, size, "%s", t->name);
	return (int)t->role;
}

static int role_without(struct api *a, const struct weir_http_request *rq, bool changes,
			int *status, const char **why)
{
	const bool tokens = site_token_next(a->site, NULL) != NULL;

	if (!rq->local && tokens)
		return refuse(status, why, 401, "a token is needed: Authorization: Bearer TOKEN");
	if (!rq->local)
		return refuse(status, why, 401,
			      "a token is needed, and there is none yet: make one on the "
			      "controller's own machine: weirctl token create NAME --role admin");
	if (!is_ours(rq))
		return refuse(status, why, 421,
			      "without a token this controller is asked by its address or as "
			      "localhost, not by another name");
	if (!tokens && !changes)
		return SITE_READ;
	if (tokens && !a->local_root)
		return refuse(
			status, why, 401,
			"a token is needed, since there is one: Authorization: Bearer TOKEN; where "
			"all are lost, http.local_root = true lets root of that machine in");
	if (is_local_root(rq))
		return SITE_ADMIN;
	if (tokens)
		return refuse(status, why, 401,
			      "a token is needed, but for root: Authorization: Bearer TOKEN");
	return refuse(status, why, 401,
		      "only root, or the controller's own user, may change anything while there "
		      "is no token: make one as root: weirctl token create NAME --role admin");
}

int api_role_of(struct api *a, const struct weir_http_request *rq, bool changes, char *who,
		size_t size, int *status, const char **why)
{
	const char *header = weir_http_header(rq, "Authorization");

	if (changes && is_foreign(rq))
		return refuse(status, why, 403, "another site's page may not ask for a change");
	snprintf(who, size, "local");
	if (header != NULL)
		return role_of_token(a, header, who, size, status, why);
	return role_without(a, rq, changes, status, why);
}

static const char *role_name(int role)
{
	return role == SITE_READ ? "read" : role == SITE_OPERATE ? "operate" : "admin";
}

bool api_admit(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *answer)
{
	struct api *a = ctx;
	const struct api_row *row = rq->route->row;
	char who[128], text[240];
	const char *why = "";
	int role;

	if (row->role == 0)
		return true;
	role = api_role_of(a, rq, row->role > SITE_READ, who, sizeof(who), &answer->status, &why);
	if (role >= row->role)
		return true;
	if (role > 0) {
		answer->status = 403;
		snprintf(text, sizeof(text), "the token %.100s has the role %s; this needs %s", who,
			 role_name(role), role_name(row->role));
		why = text;
		a->refused_roles++;
	} else {
		a->refused_credentials++;
	}
	if (answer->status == 401)
		weir_http_answer_header(answer, "WWW-Authenticate", "Bearer realm=\"weir\"");
	weir_log(WEIR_LOG_WARN, "http: %s %s from %s refused: %s", row->method, row->path, rq->peer,
		 why);
	api_refuse(a, rq, why, answer);
	return false;
}
