/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc_peer serve [CA CERT KEY [mutual]]: every method of both dialects, until SIGTERM.
 * rpc_peer call TARGET PATH filled|empty [CA [CERT KEY]]: one call.
 * rpc_peer message NAME HEX: one that travels inside of another, from bytes, and filled to bytes.
 *
 * What comes is printed field by field, what goes is filled by rule, so that a peer that shares no code
 * can check both: field N is N * 1000 + 7 (u32), N + 2^33 (u64), -N (i32), N + 0.5 (float), "sN", "bN", not the
 * default (bool), the largest value (enumeration); repeated ones are two, the second as if of field N + 1.
 */
#include <weir_rpc.h>

#include <event2/event.h>

#include <agent.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <trident.pb-c.h>

static struct event_base *base;
static int exit_status;

/* ---- printing ---- */

static void print_message(const ProtobufCMessage *m, const char *prefix);

static void print_value(const ProtobufCFieldDescriptor *f, const void *p, const char *name,
			char sign)
{
	const ProtobufCBinaryData *bytes = p;
	char prefix[512];

	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		snprintf(prefix, sizeof(prefix), "%s.", name);
		print_message(*(ProtobufCMessage *const *)p, prefix);
		return;
	}
	printf("  %s%c", name, sign);
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		fputs(*(char *const *)p != NULL ? *(char *const *)p : "", stdout);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		for (size_t i = 0; i < bytes->len; i++)
			printf("%02x", bytes->data[i]);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		printf("%llu", *(const unsigned long long *)p);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		printf("%g", (double)*(const float *)p);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		printf("%u", *(const uint32_t *)p);
		break;
	default: /* int32, enumeration, bool: all of this size */
		printf("%d", *(const int32_t *)p);
	}
	putchar('\n');
}

/* How many there are: an optional string, or message, has no count of its own. */
static size_t count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *p = (const char *)m;
	const void *pointer;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(const void *)(p + f->quantifier_offset);
	if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
		return *(const protobuf_c_boolean *)(const void *)(p + f->quantifier_offset) != 0;
	pointer = *(void *const *)(const void *)(p + f->offset);
	return pointer != NULL && pointer != f->default_value;
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_UINT64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

/* "name#number=value"; "?" instead of "=" for the default of one that is absent. */
static void print_message(const ProtobufCMessage *m, const char *prefix)
{
	char name[512];

	for (unsigned int i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const char *p = (const char *)m + f->offset;
		size_t n = count(m, f);

		snprintf(name, sizeof(name), "%s%s#%u", prefix, f->name, f->id);
		if (f->label != PROTOBUF_C_LABEL_REPEATED && n == 1)
			print_value(f, p, name, '=');
		else if (f->label != PROTOBUF_C_LABEL_REPEATED &&
			 f->type != PROTOBUF_C_TYPE_MESSAGE)
			print_value(f, p, name, '?');
		else if (f->label == PROTOBUF_C_LABEL_REPEATED)
			for (size_t k = 0; k < n; k++)
				print_value(f, *(char *const *)(const void *)p + k * size_of(f),
					    name, '=');
	}
}

static void print_all(const char *what, const ProtobufCMessage *m)
{
	printf("%s %s\n", what, m != NULL ? m->descriptor->name : "-");
	if (m != NULL)
		print_message(m, "");
	printf("end\n");
	fflush(stdout);
}

/* ---- filling; nothing is freed before the end ---- */

static void *keep[100000];
static size_t kept;

static void *take(size_t n)
{
	if (kept == WEIR_ARRAY_SIZE(keep))
		abort();
	return keep[kept++] = calloc(1, n);
}

static void drop_all(void)
{
	while (kept > 0)
		free(keep[--kept]);
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *type);

static char *text(const char *letter, unsigned int n)
{
	char *s = take(16);

	snprintf(s, 16, "%s%u", letter, n);
	return s;
}

static int largest(const ProtobufCEnumDescriptor *values)
{
	int max = values->values[0].value;

	for (unsigned int i = 0; i < values->n_values; i++)
		max = values->values[i].value > max ? values->values[i].value : max;
	return max;
}

static void fill_value(const ProtobufCFieldDescriptor *f, void *p, unsigned int n)
{
	const protobuf_c_boolean *usual = f->default_value;

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)p = filled(f->descriptor);
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)p = text("s", n);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		((ProtobufCBinaryData *)p)->data = (uint8_t *)text("b", n);
		((ProtobufCBinaryData *)p)->len = strlen(text("b", n));
		break;
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)p = n + (UINT64_C(1) << 33);
		break;
	case PROTOBUF_C_TYPE_INT32:
		*(int32_t *)p = -(int32_t)n;
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		*(float *)p = (float)n + 0.5F;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)p = usual == NULL || !*usual;
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)p = largest(f->descriptor);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)p = n * 1000 + 7;
		break;
	default:
		abort();
	}
}

static void fill_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	char *at = (char *)m, *all;

	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		fill_value(f, at + f->offset, f->id);
		if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
			*(protobuf_c_boolean *)(void *)(at + f->quantifier_offset) = 1;
		return;
	}
	all = take(2 * size_of(f));
	fill_value(f, all, f->id);
	fill_value(f, all + size_of(f), f->id + 1);
	*(void **)(void *)(at + f->offset) = all;
	*(size_t *)(void *)(at + f->quantifier_offset) = 2;
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = take(type->sizeof_message);

	protobuf_c_message_init(type, m);
	for (unsigned int i = 0; i < type->n_fields; i++)
		fill_field(m, &type->fields[i]);
	return m;
}

/* ---- the methods of both services ---- */

static const ProtobufCServiceDescriptor *const services[] = { &trident__synchronizer__descriptor,
							      &agent__synchronizer__descriptor };

static bool is_in(const char *name, const char *words)
{
	return strstr(words, name) != NULL;
}

static const ProtobufCMessageDescriptor *answer_to(const ProtobufCMessageDescriptor *request)
{
	for (size_t s = 0; s < WEIR_ARRAY_SIZE(services); s++)
		for (unsigned int i = 0; i < services[s]->n_methods; i++)
			if (services[s]->methods[i].input == request)
				return services[s]->methods[i].output;
	abort();
}

static void print_call(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	printf("from %s\n", weir_rpc_stream_identity(st, NULL));
	print_all("request", m);
}

static void open_one(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	print_call(st, m);
	weir_rpc_stream_answer(st, filled(answer_to(m->descriptor)));
	drop_all();
}

/* Three answers, and the end; a Push has one, and none. */
static void open_many(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	print_call(st, m);
	for (int i = 0; i < 3; i++)
		weir_rpc_stream_send(st, filled(answer_to(m->descriptor)));
	weir_rpc_stream_finish(st, WEIR_RPC_OK, NULL);
	drop_all();
}

static void open_endless(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	print_call(st, m);
	weir_rpc_stream_send(st, filled(answer_to(m->descriptor)));
	drop_all();
}

static void open_both(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	(void)st;
	(void)m;
}

static void message_both(struct weir_rpc_stream *st, const ProtobufCMessage *m)
{
	if (m == NULL) {
		weir_rpc_stream_finish(st, WEIR_RPC_ABORTED, "we are done: 100 % \xc3\xbc");
		return;
	}
	print_call(st, m);
	weir_rpc_stream_send(st, filled(answer_to(m->descriptor)));
	drop_all();
}

static void on_closed(struct weir_rpc_stream *st, bool cancelled)
{
	(void)st;
	printf("closed %s\n", cancelled ? "cancelled" : "well");
	fflush(stdout);
}

static char paths[64][80];
static struct weir_rpc_method methods[64];

static unsigned int list_methods(void)
{
	unsigned int n = 0;

	for (size_t s = 0; s < WEIR_ARRAY_SIZE(services); s++)
		for (unsigned int i = 0; i < services[s]->n_methods; i++) {
			const char *name = services[s]->methods[i].name;
			bool both = is_in(name, "RemoteExecute"), endless = is_in(name, "Push");

			snprintf(paths[n], sizeof(paths[n]), "/%s/%s", services[s]->name, name);
			methods[n] = (struct weir_rpc_method){
				.path = paths[n],
				.request = services[s]->methods[i].input,
				.sends = both,
				.endless = endless,
				.open = both                            ? open_both
					: endless                       ? open_endless
					: is_in(name, "Upgrade Plugin") ? open_many
									: open_one,
				.message_in = message_both,
				.closed = on_closed,
			};
			n++;
		}
	return n;
}

/* ---- the two ways to run ---- */

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopexit(base, NULL);
}

static int fail(const struct weir_err *err)
{
	fprintf(stderr, "rpc_peer: %s\n", err->msg);
	return 1;
}

static int serve(struct weir_rpc *rpc, int argc, char **argv)
{
	const struct weir_cert_files files = { argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL,
					       argc > 4 ? argv[4] : NULL, 0 };
	const struct weir_rpc_listen at = { "127.0.0.1:0", argc > 2 ? &files : NULL, argc > 5 };
	const struct weir_rpc_serve conf = { .listens = &at,
					     .n_listens = 1,
					     .methods = methods,
					     .n_methods = list_methods(),
					     .receive_max_bytes = 1 << 20 };
	struct event *term = evsignal_new(base, SIGTERM, on_signal, NULL);
	struct weir_err err = { 0 };
	struct weir_rpc_server *server = weir_rpc_server_start(rpc, &conf, &err);

	if (server == NULL) {
		event_free(term);
		return fail(&err);
	}
	printf("port %u\n", weir_rpc_server_port(server, 0));
	fflush(stdout);
	event_add(term, NULL);
	event_base_dispatch(base);
	event_free(term);
	return 0;
}

static void message_in(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	print_all("answer", m);
	if (user != NULL) /* of both ways: one was enough */
		weir_rpc_call_send(call, NULL);
}

static void on_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	(void)call;
	(void)user;
	printf("status %s %s\n", weir_rpc_status_name(status), why);
	exit_status = status;
	event_base_loopexit(base, NULL);
}

static int call(struct weir_rpc *rpc, int argc, char **argv)
{
	const struct weir_cert_files files = { argc > 5 ? argv[5] : NULL, argc > 6 ? argv[6] : NULL,
					       argc > 7 ? argv[7] : NULL, 0 };
	const struct weir_rpc_peer peer = { .target = argv[2], .files = argc > 5 ? &files : NULL };
	struct weir_rpc_request rq = {
		.path = argv[3], .timeout_ms = 10000, .message_in = message_in, .end = on_end
	};
	struct weir_err err = { 0 };
	struct weir_rpc_channel *ch = weir_rpc_channel_open(rpc, &peer, &err);
	const char *name = strrchr(argv[3], '/') + 1;
	bool both = is_in(name, "RemoteExecute");

	if (ch == NULL)
		return fail(&err);
	for (size_t s = 0; s < WEIR_ARRAY_SIZE(services); s++)
		for (unsigned int i = 0; i < services[s]->n_methods; i++)
			if (strncmp(argv[3] + 1, services[s]->package,
				    strlen(services[s]->package)) == 0 &&
			    strcmp(services[s]->methods[i].name, name) == 0) {
				rq.answer = services[s]->methods[i].output;
				rq.message = filled(services[s]->methods[i].input);
			}
	if (rq.answer == NULL)
		return 2;
	if (strcmp(argv[4], "empty") == 0)
		protobuf_c_message_init(rq.message->descriptor, (void *)(uintptr_t)rq.message);
	rq.sends = both;
	rq.streams = both || is_in(name, "Push Upgrade Plugin");
	weir_rpc_call_start(ch, &rq, both ? &rq : NULL);
	drop_all();
	event_base_dispatch(base);
	return exit_status;
}

static int message(const char *name, const char *hex)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&trident__platform_data__descriptor, &agent__platform_data__descriptor,
		&trident__groups__descriptor,        &agent__groups__descriptor,
		&trident__flow_acls__descriptor,     &agent__flow_acls__descriptor,
	};
	uint8_t bytes[16384];
	struct weir_err err = { 0 };
	ProtobufCMessage *m;
	size_t n = strlen(hex) / 2, i = 0;

	while (i < WEIR_ARRAY_SIZE(types) && strcmp(types[i]->name, name) != 0)
		i++;
	if (i == WEIR_ARRAY_SIZE(types) || n > sizeof(bytes))
		return 2;
	for (size_t k = 0; k < n; k++)
		bytes[k] = (uint8_t)strtoul((char[]){ hex[2 * k], hex[2 * k + 1], 0 }, NULL, 16);
	m = weir_rpc_message_unpack(types[i], bytes, n, 0, &err);
	if (m == NULL)
		return fail(&err);
	print_all("message", m);
	weir_rpc_message_free(m);
	n = protobuf_c_message_pack(filled(types[i]), bytes);
	for (size_t k = 0; k < n; k++)
		printf("%02x", bytes[k]);
	putchar('\n');
	drop_all();
	return 0;
}

int main(int argc, char **argv)
{
	struct weir_rpc *rpc;
	int rc = 2;

	if (argc == 4 && strcmp(argv[1], "message") == 0)
		return message(argv[2], argv[3]);
	base = event_base_new();
	rpc = weir_rpc_create(base, NULL);
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		rc = serve(rpc, argc, argv);
	else if (argc > 4 && strcmp(argv[1], "call") == 0)
		rc = call(rpc, argc, argv);
	weir_rpc_destroy(rpc);
	event_base_free(base);
	return rc;
}
