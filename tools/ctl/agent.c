/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum ctl_exit agent_exit(const struct weir_err *err)
{
	switch (err->code) {
	case EINVAL:
		return CTL_USAGE;
	case ENOENT:
		return CTL_NOT_FOUND;
	case EPERM:
	case EACCES:
		return CTL_REFUSED;
	case ECONNREFUSED:
	case ECONNRESET:
	case ETIMEDOUT:
	case EPROTO:
		return CTL_UNREACHABLE;
	default:
		return CTL_FAILED;
	}
}

struct weir_ctl_client *agent_open(const struct ctl *ctl, struct weir_err *err)
{
	return weir_ctl_client_open(ctl->socket != NULL ? ctl->socket : WEIR_CTL_PATH, err);
}

json_t *agent_ask(const struct ctl *ctl, const char *command, json_t *args, struct weir_err *err)
{
	struct weir_ctl_client *client = agent_open(ctl, err);
	json_t *data = NULL;

	if (client != NULL)
		data = weir_ctl_client_call(client, command, args, err);
	else
		json_decref(args);
	weir_ctl_client_close(client);
	return data;
}

uint64_t agent_u64(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v > 0 ? (uint64_t)v : 0;
}

const char *agent_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

bool agent_is_null(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return v == NULL || json_is_null(v);
}

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

const volatile sig_atomic_t *agent_stop_on_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	/* No SA_RESTART: what waits, ends. */
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction before;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	return &stop;
}

bool agent_output_is_unread(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}
